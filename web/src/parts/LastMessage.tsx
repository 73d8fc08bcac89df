import { useState } from "react";
import { useText } from "../text/language";
import { Button } from "./basics";
import { useMessages } from "./toasts";

/** Instead of the toasts: the last message, until it is closed. */
export function LastMessage() {
  const { t } = useText();
  const last = useMessages().at(-1);
  const [closed, setClosed] = useState(0);
  if (!last || last.id === closed) return null;
  const { text, tone, action } = last;
  return (
    <div className="toasts">
      <div className={`toast ${tone}`} role="alert">
        <span className="toast-text">{text}</span>
        {action && (
          <Button look="quiet" onClick={action.run}>
            {action.label}
          </Button>
        )}
        <Button look="quiet" onClick={() => setClosed(last.id)}>
          {t.close}
        </Button>
      </div>
    </div>
  );
}
