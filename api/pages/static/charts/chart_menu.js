/** What the menu of a chart offers: its options, its table, full screen, and files of it. */

import { fileName, pngFile, save, standalone, svgFile } from "./chart_file.js";

/** @import { MenuItem } from "../components/menu_button.js" */
/** @import { ChartOptions, ChartState } from "./chart_state.js" */
/** @import { LineChart } from "./line_chart.js" */
/** @import { PlotPicture } from "./plot_picture.js" */
/** @import { TablePanel } from "./table_panel.js" */

/**
 * @param {LineChart} chart
 * @param {{state: ChartState, picture: PlotPicture, table: TablePanel}} parts
 * @returns {MenuItem[]}
 */
export function chartMenu(chart, { state, picture, table }) {
  /** @param {keyof ChartOptions} name @param {string} label */
  const option = (name, label) => ({
    label,
    checked: chart.options[name],
    stays: true,
    act: () => {
      chart.options = { ...chart.options, [name]: !chart.options[name] };
      chart.emit("option", chart.options);
    },
  });
  const toggleTable = () => {
    table.toggle();
    chart.changed();
  };
  const drawn = () => standalone(picture.node, chart.heading, state.shown, getComputedStyle(chart).backgroundColor);
  const name = fileName(chart.heading);
  return [
    option("isLogY", "Logarithmic values"),
    option("isLogX", `Logarithmic ${chart.xAxis.label.toLowerCase()}`),
    option("clipsOutliers", "Leave out outliers"),
    { label: "Table of values", checked: table.isOpen, act: toggleTable },
    { label: "Full screen", checked: document.fullscreenElement === chart, act: () => void toggleFullScreen(chart) },
    { label: "Save as PNG", icon: "download", act: () => void pngFile(drawn()).then((file) => save(file, `${name}.png`)) },
    { label: "Save as SVG", icon: "download", act: () => save(svgFile(drawn()), `${name}.svg`) },
    { label: "Save as CSV", icon: "download", act: () => save(new Blob([chart.csv()], { type: "text/csv" }), `${name}.csv`) },
  ];
}

/** @param {Element} chart */
async function toggleFullScreen(chart) {
  if (document.fullscreenElement === chart) await document.exitFullscreen();
  else await chart.requestFullscreen();
}
