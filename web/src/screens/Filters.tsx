import { Search, SlidersHorizontal } from "lucide-react";
import { useRef, useState } from "react";
import { type Filter, sizeIn, useAccounts } from "../bank";
import { Button, Field } from "../parts/basics";
import { isolated } from "../text/isolated";
import { useText } from "../text/language";

export const narrowing = ({ text, ...rest }: Filter) => Object.values(rest).filter((one) => one !== undefined).length;

/** The filters of the list. */
export function Filters(props: { filter: Filter; own: string[]; onChange(filter: Filter): void }) {
  const { filter } = props;
  const { t } = useText();
  const words = t.transactions;
  const accounts = useAccounts().rows;
  const [open, setOpen] = useState(narrowing(filter) > 0);
  const toggle = useRef<HTMLButtonElement>(null);
  const change = (more: Partial<Filter>) =>
    props.onChange(
      JSON.parse(JSON.stringify({ ...filter, ...more }, (_, value) => (value === "" ? undefined : value))),
    );
  const number = narrowing(filter);
  return (
    <search className="filters">
      <div className="search-line">
        <label className="search-box">
          <Search aria-hidden />
          <span className="sr">{words.search}</span>
          <input
            type="search"
            placeholder={words.searchPlaceholder}
            value={filter.text ?? ""}
            onChange={(event) => change({ text: event.target.value })}
          />
        </label>
        <Button
          ref={toggle}
          icon={<SlidersHorizontal aria-hidden />}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          {number > 0 ? `${words.filters} (${number})` : words.filters}
        </Button>
      </div>
      {open && (
        <div className="filter-grid">
          <Field label={words.account}>
            {(id) => (
              <select
                id={id}
                value={filter.account ?? ""}
                onChange={(event) => change({ account: event.target.value })}
              >
                <option value="">{words.allAccounts}</option>
                {accounts.map((one) => (
                  <option key={one.account_id} value={one.account_id}>
                    {isolated(one.name)} {one.mask && `••\u00a0${one.mask}`}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label={words.category}>
            {(id) => (
              <select
                id={id}
                value={filter.category ?? ""}
                onChange={(event) => change({ category: event.target.value })}
              >
                <option value="">{words.allCategories}</option>
                {Object.entries(t.category).map(([code, name]) => (
                  <option key={code} value={code}>
                    {name}
                  </option>
                ))}
                {props.own.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            )}
          </Field>
          <Field label={words.from}>
            {(id) => (
              <input
                id={id}
                type="date"
                value={filter.from ?? ""}
                max={filter.to}
                onChange={(event) => change({ from: event.target.value })}
              />
            )}
          </Field>
          <Field label={words.to}>
            {(id) => (
              <input
                id={id}
                type="date"
                value={filter.to ?? ""}
                min={filter.from}
                onChange={(event) => change({ to: event.target.value })}
              />
            )}
          </Field>
          <Field label={words.least}>
            {(id) => (
              <input
                id={id}
                inputMode="decimal"
                defaultValue={filter.least ?? ""}
                onChange={(event) => change({ least: sizeIn(event.target.value) })}
              />
            )}
          </Field>
          <Field label={words.most}>
            {(id) => (
              <input
                id={id}
                inputMode="decimal"
                defaultValue={filter.most ?? ""}
                onChange={(event) => change({ most: sizeIn(event.target.value) })}
              />
            )}
          </Field>
          {number > 0 && (
            <Button
              onClick={() => {
                setOpen(false);
                toggle.current?.focus(); // this button disappears: move the keyboard focus
                props.onChange(filter.text ? { text: filter.text } : {});
              }}
            >
              {words.reset}
            </Button>
          )}
        </div>
      )}
    </search>
  );
}
