import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { useText } from "../text/language";

/** A modal dialog: it traps the focus, closes with Escape, and then restores the focus. */
export default function Dialog(props: { title: ReactNode; onClose(): void; children: ReactNode; wide?: boolean }) {
  const { t } = useText();
  return (
    <Base.Root open onOpenChange={(open) => !open && props.onClose()}>
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className={`dialog ${props.wide ? "wide" : ""}`}>
          <header>
            <Base.Title>{props.title}</Base.Title>
            <Base.Close className="button quiet icon-only" aria-label={t.close}>
              <X aria-hidden />
            </Base.Close>
          </header>
          {props.children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
