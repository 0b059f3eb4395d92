// The theme that a person has chosen, before anything is drawn: a module would come too late, and the page would flash.
// The script is in a file of its own because the page allows none in its text. `style/theme.css` has the rest.
(() => {
  try {
    const theme = JSON.parse(localStorage.getItem("pretrain.theme") ?? "null");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing, or keeps something else: the system's theme is as good.
  }
})();
