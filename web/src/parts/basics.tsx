import { LoaderCircle } from "lucide-react";
import {
  type ButtonHTMLAttributes,
  type ReactNode,
  type Ref,
  type SyntheticEvent,
  useId,
  useSyncExternalStore,
} from "react";
import type { Branding } from "../bank/types.generated";

type Look = "main" | "plain" | "quiet" | "danger";

const nothing = (event: SyntheticEvent) => event.preventDefault();

/** A busy or disabled button ignores clicks but keeps the keyboard focus, which the attribute `disabled` would lose. */
export function Button({
  look = "plain",
  busy = false,
  disabled = false,
  icon,
  children,
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: Look;
  busy?: boolean;
  icon?: ReactNode;
  ref?: Ref<HTMLButtonElement>;
}) {
  return (
    <button
      type="button"
      {...rest}
      className={`button ${look} ${rest.className ?? ""}`}
      aria-busy={busy || undefined}
      aria-disabled={busy || disabled || undefined}
      onClick={busy || disabled ? nothing : rest.onClick}
    >
      {busy ? <LoaderCircle className="spin" aria-hidden /> : icon}
      {children && <span>{children}</span>}
    </button>
  );
}

export function Field({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: string;
  children: (id: string, hint?: string) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(id, hint && `${id}-hint`)}
      {hint && (
        <small id={`${id}-hint`} className="soft">
          {hint}
        </small>
      )}
    </div>
  );
}

/** The first letter or digit, as a capital: a name can begin with a sign that has no shape of its own. */
export const initialOf = (name: string) => (/[\p{L}\p{N}]/u.exec(name)?.[0] ?? "").toUpperCase();

/** A bank's own logo (base64, as Plaid sends it), or its first letters on its colour. */
export function BankLogo({
  name,
  branding,
  size = 44,
}: {
  name: string;
  branding?: Partial<Branding> | null;
  size?: number;
}) {
  const style = { width: size, height: size };
  if (branding?.logo)
    return <img className="logo" style={style} src={`data:image/png;base64,${branding.logo}`} alt="" />;
  const letters = name.split(/\s+/).map(initialOf).slice(0, 2).join("");
  return (
    <span className="logo letters" style={{ ...style, background: branding?.primary_color ?? undefined }} aria-hidden>
      {letters}
    </span>
  );
}

/** @param props.alone whether the page shows nothing else, so that the title is the page's heading */
export function Empty(props: { icon: ReactNode; title: string; alone?: boolean; children: ReactNode }) {
  const { icon, title, alone, children } = props;
  return (
    <div className="empty">
      <span className="empty-icon">{icon}</span>
      {alone ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
    </div>
  );
}

export function Skeleton({ lines, height = 64 }: { lines: number; height?: number }) {
  return (
    <div className="skeleton" aria-hidden>
      {Array.from({ length: lines }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are identical
        <span key={i} style={{ height }} />
      ))}
    </div>
  );
}

const minutes = {
  now: Date.now(),
  watchers: new Set<() => void>(),
};
setInterval(() => {
  minutes.now = Date.now();
  for (const watcher of minutes.watchers) watcher();
}, 15_000);

/** The current time, updated four times a minute, for "5 minutes ago". */
export function useNow(): number {
  return useSyncExternalStore(
    (watcher) => {
      minutes.watchers.add(watcher);
      return () => minutes.watchers.delete(watcher);
    },
    () => minutes.now,
  );
}
