import { useId } from "react";
import type { Texts } from "../text/en";
import { useText } from "../text/language";
import { Field } from "./basics";

/** What is stored for a category: one of the bank's list by its code, which is the same in every language. */
export function storedCategory(written: string, t: Texts): string {
  const name = written.trim().toLowerCase();
  const code = Object.entries(t.category).find(([, label]) => label.toLowerCase() === name)?.[0];
  return code ?? written.trim();
}

/** The user's own category. It suggests the bank's, and those that the user has created before. */
export function CategoryField(props: { value: string; own?: string[]; onChange(value: string): void }) {
  const { t } = useText();
  const choices = useId();
  return (
    <Field label={t.edit.category} hint={t.edit.categoryHint}>
      {(id, hint) => (
        <>
          <input
            id={id}
            aria-describedby={hint}
            list={choices}
            maxLength={100}
            value={props.value}
            onChange={(event) => props.onChange(event.target.value)}
          />
          <datalist id={choices}>
            {[...(props.own ?? []), ...Object.values(t.category)].map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
