import { useText } from "../text/language";
import { Field } from "./basics";

/** A choice between several currencies; nothing if there is only one. */
export function CurrencyField(props: { of: string[]; value: string; onChange(currency: string): void }) {
  const { t } = useText();
  if (props.of.length < 2) return null;
  return (
    <Field label={t.spending.currency}>
      {(id) => (
        <select id={id} value={props.value} onChange={(event) => props.onChange(event.target.value)}>
          {props.of.map((one) => (
            <option key={one} value={one}>
              {one || t.spending.noCurrency}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
