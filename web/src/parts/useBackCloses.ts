import { useEffect, useRef } from "react";

const OVER = "over";

/**
 * Adds a history entry for a dialog, so that the browser's Back button closes the dialog and does not leave the page.
 * @returns a function that closes the dialog by going back, so that the entry does not remain
 */
export function useBackCloses(onClose: () => void): () => void {
  const latest = useRef(onClose);
  latest.current = onClose;
  const closing = useRef(false);
  useEffect(() => {
    if (history.state !== OVER) {
      history.scrollRestoration = "manual"; // the page under the dialog may have scrolled to keep its rows in place
      history.pushState(OVER, "");
    }
    const gone = () => {
      closing.current = true; // a pending close must not close a dialog that opens later
      latest.current();
      setTimeout(() => {
        history.scrollRestoration = "auto"; // returning from another page restores the scroll position
      });
    };
    addEventListener("popstate", gone);
    return () => removeEventListener("popstate", gone);
  }, []);
  return () => {
    if (closing.current) return;
    closing.current = true;
    if (history.state === OVER) history.back();
    else latest.current();
  };
}

/** For the page under a dialog: removes a dialog's history entry that a reload or a navigation has left behind. */
export function useNothingOver(): void {
  const looked = useRef(false);
  useEffect(() => {
    if (!looked.current && history.state === OVER) history.back();
    looked.current = true;
  }, []);
}
