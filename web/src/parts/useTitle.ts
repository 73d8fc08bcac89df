import { useEffect } from "react";
import { useText } from "../text/language";

/** What the browser's tab says. */
export function useTitle(title: string): void {
  const { t } = useText();
  useEffect(() => {
    document.title = `${title} · ${t.app}`;
  }, [title, t]);
}
