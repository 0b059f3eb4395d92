import { Problem } from "../http/problem.js";
import { get, post, remove, unauthorised } from "../http/request.js";

/** @import { SessionRecord } from "../types/records.d.ts" */

/**
 * Who is signed in. `record` is null while nobody is, on a service that needs it.
 *
 * Events: `change`.
 */
export class Session extends EventTarget {
  /** @type {SessionRecord | null} */
  record = null;

  constructor() {
    super();
    unauthorised.addEventListener("unauthorised", () => this.#become(null));
  }

  /** Whether the service needs that people sign in; without tokens everybody may do everything. */
  get needsSignIn() {
    return this.record === null || this.record.name !== null;
  }

  /**
   * Ask the service who is signed in.
   * @throws {Unreachable | Problem}
   */
  async load() {
    try {
      this.#become(await get("session"));
    } catch (error) {
      if (!(error instanceof Problem && error.status === 401)) throw error;
      this.#become(null);
    }
  }

  /**
   * @param {string} token
   * @throws {Unreachable | Problem}  401 if the service does not know it
   */
  async signIn(token) {
    this.#become(await post("session", { json: { token } }));
  }

  /** @throws {Unreachable | Problem} */
  async signOut() {
    await remove("session");
    this.#become(null);
  }

  /**
   * Whether the service would allow it: what it would refuse is not offered.
   * @param {"read" | "write" | "admin"} scope
   */
  may(scope) {
    return this.record?.scopes.includes(scope) ?? false;
  }

  /** @param {SessionRecord | null} record */
  #become(record) {
    const changes = JSON.stringify(record) !== JSON.stringify(this.record);
    this.record = record;
    if (changes) this.dispatchEvent(new Event("change"));
  }
}
