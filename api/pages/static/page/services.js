/** What there is one of: every view works with these. */

import { EventStream } from "../http/event_stream.js";
import { DatasetNames } from "../records/dataset_names.js";
import { JobStore } from "../records/job_store.js";
import { LossSketches } from "../records/loss_sketches.js";
import { Session } from "./session.js";

export const session = new Session();
/** What happens to all jobs. */
export const events = new EventStream("events");
/** All jobs, kept current by it. */
export const jobs = new JobStore(events);
/** Both losses of jobs, small. */
export const sketches = new LossSketches(events);
export const datasetNames = new DatasetNames();
