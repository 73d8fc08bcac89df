import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useState } from "react";
import { useText } from "../text/language";
import { Button, Field } from "./basics";

/** Asks the user to confirm an action that cannot be undone. */
export default function Confirm(props: {
  title: string;
  body: string;
  confirm: string;
  /** A word that the user must type to confirm, and the label of its field. */
  word?: { label: string; value: string };
  busy: boolean;
  onConfirm(): void;
  onClose(): void;
}) {
  const { t } = useText();
  const [typed, setTyped] = useState("");
  const ready = !props.word || typed.trim() === props.word.value;
  return (
    <AlertDialog.Root open onOpenChange={(open) => !open && !props.busy && props.onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="dialog">
          <AlertDialog.Title>{props.title}</AlertDialog.Title>
          <AlertDialog.Description className="soft">{props.body}</AlertDialog.Description>
          {props.word && (
            <Field label={props.word.label}>
              {(id) => (
                <input id={id} value={typed} autoComplete="off" onChange={(event) => setTyped(event.target.value)} />
              )}
            </Field>
          )}
          <footer>
            <AlertDialog.Close className="button plain" disabled={props.busy}>
              {t.cancel}
            </AlertDialog.Close>
            <Button look="danger" busy={props.busy} disabled={!ready} onClick={props.onConfirm}>
              {props.confirm}
            </Button>
          </footer>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
