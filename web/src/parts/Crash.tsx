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
      // A login at a bank would be lost with the page, and what came of it unsaid: then it is the user who loads it.
      void settled().then(() => setOffline(false));
    };
    addEventListener("online", back);
    return () => removeEventListener("online", back);
  }, [offline]);
  // A page that was never opened cannot be loaded without a network; it comes by itself once there is one.
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

/** A page that cannot be shown says so, instead of leaving nothing. It also catches a chunk that a new deploy took away. */
export class Crash extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };
  static getDerivedStateFromError() {
    return { broken: true };
  }
  override render() {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}
