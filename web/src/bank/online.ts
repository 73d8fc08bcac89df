import { useSyncExternalStore } from "react";

function subscribe(watcher: () => void) {
  addEventListener("online", watcher);
  addEventListener("offline", watcher);
  return () => {
    removeEventListener("online", watcher);
    removeEventListener("offline", watcher);
  };
}

/** Whether the browser has a network. Live data resumes automatically when it is back. */
export const useOnline = () => useSyncExternalStore(subscribe, () => navigator.onLine);
