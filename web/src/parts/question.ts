/** A question to the user that one dialog of the app asks, wherever it comes up. */
import { useSyncExternalStore } from "react";

/** What is asked, and the function that answers it. */
export interface Question<Asked, Answer> {
  asked: Asked;
  answer(answer: Answer): void;
}

/** Creates a kind of question: `ask` opens its dialog, which `useQuestion` shows. */
export function kindOfQuestion<Asked, Answer>() {
  let open: Question<Asked, Answer> | null = null;
  const watchers = new Set<() => void>();
  const becomes = (now: Question<Asked, Answer> | null) => {
    open = now;
    for (const watcher of watchers) watcher();
  };
  const watch = (watcher: () => void) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  };
  return {
    ask: (asked: Asked): Promise<Answer> =>
      new Promise((resolve) => {
        becomes({
          asked,
          answer: (answer) => {
            becomes(null);
            resolve(answer);
          },
        });
      }),
    useQuestion: () => useSyncExternalStore(watch, () => open),
  };
}
