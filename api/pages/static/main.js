import { Shell } from "./page/shell.js";

document.body.prepend(new Shell());
