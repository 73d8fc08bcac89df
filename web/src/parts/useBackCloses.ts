import { useEffect, useRef } from "react";

const OVER = "over";

/**
 * Gives what is open over the page an entry in the history, so that Back closes it instead of leaving the page.
 * @returns how it is closed otherwise: by going back, too, so that the entry does not stay
 */
export function useBackCloses(onClose: () => void): () => void {
  const latest = useRef(onClose);
  latest.current = onClose;
  const closing = useRef(false);
  useEffect(() => {
    if (history.state !== OVER) {
      history.scrollRestoration = "manual"; // the page may have moved below, to keep what is read in its place
      history.pushState(OVER, "");
    }
    const gone = () => {
      closing.current = true; // what it still waits for closes nothing that is open by then
      latest.current();
      setTimeout(() => {
        history.scrollRestoration = "auto"; // from another page it is gone back to as it was left
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

/** For the page below: an entry that is left of what was open, before the page was loaded anew or left, is no place. */
export function useNothingOver(): void {
  const looked = useRef(false);
  useEffect(() => {
    if (!looked.current && history.state === OVER) history.back();
    looked.current = true;
  }, []);
}
