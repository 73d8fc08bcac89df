import { Component, type ReactNode, useEffect, useState } from "react";
import { pending, settled } from "../bank/patience";
import { useText } from "../text/language";
import { Button } from "./basics";

const again = () => location.reload();

function Broken() {
  const { t } = useText();
  const [offline, setOffline] = useState(() => !navigator.onLine);
  useEffect(() => {
    if (!offline) return;
    const back = () => {
      if (pending() === 0) return again();
      // Reloading now would lose a bank login in progress and its result, so the user decides when to reload.
      void settled().then(() => setOffline(false));
    };
    addEventListener("online", back);
    return () => removeEventListener("online", back);
  }, [offline]);
  // A page whose code was never loaded needs a network; it loads automatically when the network is back.
  if (offline) {
    return (
      <div className="empty" role="alert">
        <h1>{t.crash.offlineTitle}</h1>
        <p>{t.crash.offlineBody}</p>
      </div>
    );
  }
  return (
    <div className="empty" role="alert">
      <h1>{t.crash.title}</h1>
      <p>{t.crash.body}</p>
      <Button look="main" onClick={again}>
        {t.crash.reload}
      </Button>
    </div>
  );
}

/** Shows an error instead of a blank page, also when a new deploy has removed a chunk that the page needs. */
export class Crash extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };
  static getDerivedStateFromError() {
    return { broken: true };
  }
  override render() {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}
