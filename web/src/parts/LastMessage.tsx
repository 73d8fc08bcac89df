import { useState } from "react";
import { useText } from "../text/language";
import { Button } from "./basics";
import { useMessages } from "./toasts";

let closed = 0; // for the page's life, as the messages are

/** Instead of the toasts: the last message, until it is closed. */
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
