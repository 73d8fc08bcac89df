import { Component, type ReactNode } from "react";
import { useText } from "../text/language";
import { Button } from "./basics";

function Broken() {
  const { t } = useText();
  return (
    <div className="empty" role="alert">
      <h2>{t.crash.title}</h2>
      <p>{t.crash.body}</p>
      <Button look="main" onClick={() => location.reload()}>
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
