import { Toast } from "@base-ui/react/toast";
import { X } from "lucide-react";
import { useEffect } from "react";
import { useText } from "../text/language";
import { type Message, useMessages } from "./toasts";

let shown = 0; // the id of the last message shown; messages from before a sign-out do not come back

function List() {
  const { t } = useText();
  const manager = Toast.useToastManager();
  const messages = useMessages();
  useEffect(() => {
    for (const one of messages.filter((message) => message.id > shown)) {
      shown = one.id;
      manager.add({
        title: one.text,
        data: one,
        priority: "low", // the library hides those of high priority from screen readers until they have the focus
        timeout: one.action || one.tone === "bad" ? 15_000 : 5_000,
      });
    }
  }, [messages, manager]);
  return manager.toasts.map((toast) => {
    const { tone, action } = toast.data as Message;
    return (
      <Toast.Root key={toast.id} toast={toast} className={`toast ${tone}`}>
        <Toast.Title className="toast-text" />
        {action && (
          <Toast.Action className="button quiet" onClick={action.run}>
            {action.label}
          </Toast.Action>
        )}
        <Toast.Close className="button quiet icon-only" aria-label={t.close}>
          <X aria-hidden />
        </Toast.Close>
      </Toast.Root>
    );
  });
}

export default function Toaster() {
  const { t } = useText();
  return (
    <Toast.Provider>
      <Toast.Portal>
        <Toast.Viewport className="toasts" aria-label={t.nav.notifications}>
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
