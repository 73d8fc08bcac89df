import { useEffect } from "react";
import { useText } from "../text/language";

/** Sets the title of the browser tab. */
export function useTitle(title: string): void {
  const { t } = useText();
  useEffect(() => {
    document.title = `${title} · ${t.app}`;
  }, [title, t]);
}
