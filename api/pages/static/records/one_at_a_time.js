/**
 * A reading that never overtakes itself: asked for while it is under way, it is done once more behind that, since the
 * answer that is awaited may be from before what it was asked for.
 * @param {() => Promise<void>} read
 * @returns {() => Promise<void>} resolves when nothing is left to be read; rejects as `read` does
 */
export function oneAtATime(read) {
  /** @type {Promise<void> | null} */
  let running = null;
  let isStale = false;
  const readAll = async () => {
    try {
      while (isStale) {
        isStale = false;
        await read();
      }
    } finally {
      running = null;
    }
  };
  return () => {
    isStale = true;
    running ??= readAll();
    return running;
  };
}
