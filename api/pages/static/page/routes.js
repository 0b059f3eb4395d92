/** @import { View } from "./view.js" */

/**
 * The table of all views. A view's module is loaded when somebody goes there first, and exports its element's class as
 * `default`. With a `label` it stands in the navigation.
 * @typedef {object} Route
 * @property {string} path  `:name` is variable, and handed over as `params.name`
 * @property {string} title  of the document
 * @property {string} [label]  in the navigation
 * @property {() => Promise<{default: new () => View}>} load
 */

/** @type {readonly Route[]} */
export const routes = [
  { path: "/", title: "Jobs", label: "Jobs", load: () => import("../views/jobs/jobs_view.js") },
  { path: "/new", title: "New job", load: () => import("../views/new_job/new_job_view.js") },
  { path: "/jobs/:id", title: "Job", load: () => import("../views/job/job_view.js") },
  { path: "/compare", title: "Compare", label: "Compare", load: () => import("../views/compare/compare_view.js") },
  { path: "/playground", title: "Playground", label: "Playground", load: () => import("../views/playground/playground_view.js") },
  { path: "/data", title: "Data", label: "Data", load: () => import("../views/data/data_view.js") },
  { path: "/learn", title: "Learn", label: "Learn", load: () => import("../views/learn/learn_view.js") },
  { path: "/settings", title: "Settings", load: () => import("../views/settings/settings_view.js") },
];
