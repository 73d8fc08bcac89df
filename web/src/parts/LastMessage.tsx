import { useState } from "react";
import { useText } from "../text/language";
import { Button } from "./basics";
import { useMessages } from "./toasts";

let closed = 0; // kept until the page is reloaded, as the messages are

/** The last message, until it is closed: a fallback for the toasts. */
export function LastMessage() {
  const { t } = useText();
  const last = useMessages().at(-1);
  const [, look] = useState(closed);
  if (!last || last.id === closed) return null;
  const { id, text, tone, action } = last;
  const close = () => {
    closed = id;
    look(id);
  };
  return (
    <div className="toasts">
      <div className={`toast ${tone}`} role="alert">
        <span className="toast-text">{text}</span>
        {action && (
          <Button look="quiet" onClick={action.run}>
            {action.label}
          </Button>
        )}
        <Button look="quiet" onClick={close}>
          {t.close}
        </Button>
      </div>
    </div>
  );
}
