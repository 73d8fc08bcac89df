import {
  Bar,
  BarChart,
  CartesianGrid,
  Cell,
  Line,
  LineChart,
  Pie,
  PieChart,
  ReferenceArea,
  ReferenceLine,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import type { NetWorth, NetWorthDay, Spending } from "../bank";

interface Props {
  spending: Spending;
  format(amount: number): string;
  /** An amount on the axis, without decimals. */
  scale(amount: number): string;
  month(month: string): string;
}
const CHOSEN = "var(--accent)";
const OTHERS = "var(--bar)";
const box = { background: "var(--surface)", border: "1px solid var(--line)", borderRadius: 10, color: "var(--ink)" };
const FONT = 12;
const TICK = 8; // pixels between an axis and its labels

/**
 * The width of an axis with amounts, so that no label is cut off. Recharts' own `width="auto"` measures the labels
 * before their last change.
 */
function axisWidth(amounts: (number | null)[], scale: (amount: number) => string): number {
  const known = amounts.filter((one) => one !== null);
  const pen = document.createElement("canvas").getContext("2d");
  if (!pen) return 72;
  pen.font = `${FONT}px ${getComputedStyle(document.body).fontFamily}`;
  // The first and the last label are round numbers outside the values.
  const ends = [Math.min(0, ...known), Math.max(0, ...known)].map(
    (one) => Math.ceil(Math.abs(one) * 1.3) * Math.sign(one),
  );
  return Math.ceil(Math.max(...ends.map((one) => pen.measureText(scale(one)).width))) + TICK;
}

const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A bar chart with one bar a month. */
export function MonthBars(props: Props & { label: string; chosen: string | undefined; onChoose(month: string): void }) {
  const { spending, format, scale, month } = props;
  return (
    <ResponsiveContainer width="100%" height={240}>
      <BarChart
        data={spending.months}
        margin={{ top: 8, right: 0, left: 0, bottom: 0 }}
        accessibilityLayer
        title={props.label}
      >
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          dataKey="month"
          tickFormatter={month}
          tickLine={false}
          axisLine={false}
          stroke="var(--ink-2)"
          fontSize={FONT}
        />
        <YAxis
          tickFormatter={scale}
          tickLine={false}
          axisLine={false}
          stroke="var(--ink-2)"
          width={axisWidth(
            spending.months.map((one) => one.total),
            scale,
          )}
          fontSize={FONT}
        />
        <Tooltip
          formatter={(value) => format(Number(value))}
          labelFormatter={(value) => month(String(value))}
          contentStyle={box}
          itemStyle={{ color: "var(--ink)" }}
          cursor={{ fill: "var(--surface-2)" }}
          separator=""
        />
        <Bar
          dataKey="total"
          name=""
          maxBarSize={64}
          radius={[6, 6, 0, 0]}
          isAnimationActive={!still}
          onClick={(bar) => props.onChoose(String((bar.payload as { month?: string } | undefined)?.month ?? ""))}
        >
          {spending.months.map((one) => (
            <Cell
              key={one.month}
              fill={!props.chosen || one.month === props.chosen ? CHOSEN : OTHERS}
              cursor="pointer"
            />
          ))}
        </Bar>
      </BarChart>
    </ResponsiveContainer>
  );
}

/** A ring chart with one slice a category. */
export function CategoryRing({
  spending,
  colours,
  format,
  name,
}: Pick<Props, "spending" | "format"> & { colours: Map<string, string>; name(category: string): string }) {
  const paid = spending.categories.filter((one) => one.total > 0);
  return (
    <ResponsiveContainer width="100%" height={240}>
      <PieChart accessibilityLayer={false}>
        <Pie
          data={paid.map((one) => ({ ...one, name: name(one.category) }))}
          dataKey="total"
          nameKey="name"
          rootTabIndex={-1}
          innerRadius="62%"
          outerRadius="95%"
          paddingAngle={1}
          stroke="none"
          isAnimationActive={!still}
        >
          {paid.map((one) => (
            <Cell key={one.category} fill={colours.get(one.category)} />
          ))}
        </Pie>
        <Tooltip formatter={(value) => format(Number(value))} contentStyle={box} itemStyle={{ color: "var(--ink)" }} />
      </PieChart>
    </ResponsiveContainer>
  );
}

/** A day of the chart of net worth, with a value for each line that is drawn there: `recorded0`, `computed1`, … */
type Point = NetWorthDay & { value: number | null; alone: boolean } & Record<string, unknown>;

/** The days from which further accounts count. Totals before and after one cannot be compared: no line joins them. */
const breaksOf = ({ joined }: NetWorth) => [...new Set(joined.map((one) => one.day))];

/** The days of a chart; a line of computed days ends at the first recorded one, so that the two meet. */
function pointsOf(of: NetWorth): Point[] {
  const breaks = breaksOf(of);
  const part = (day: string) => breaks.filter((one) => one <= day).length;
  return of.days.map((one, i) => {
    const here = part(one.day);
    const beside = [of.days[i - 1], of.days[i + 1]].filter((other) => other && part(other.day) === here);
    const value = one.net === null ? null : Number(one.net);
    const meets = beside.some((other) => other?.derived);
    return {
      ...one,
      value,
      [`recorded${here}`]: one.derived ? null : value,
      [`computed${here}`]: one.derived || meets ? value : null,
      // A line needs two points: a day without another one beside it is a dot.
      alone: value !== null && beside.every((other) => (other?.net ?? null) === null),
    };
  });
}

/** The gaps, from the last known day before to the first one after. */
function gapsOf(days: NetWorthDay[]): [string, string][] {
  const gaps: [string, string][] = [];
  for (const [i, { net, day }] of days.entries()) {
    if (net !== null) continue;
    const last = gaps.at(-1);
    const end = days[i + 1]?.day ?? day;
    if (last && last[1] === day) last[1] = end;
    else gaps.push([days[i - 1]?.day ?? day, end]);
  }
  return gaps;
}

function Alone({ cx, cy, payload }: { cx?: number; cy?: number; payload?: Point }) {
  return payload?.alone && cx !== undefined && cy !== undefined ? <circle cx={cx} cy={cy} r={3} fill={CHOSEN} /> : null;
}

/** A line chart of net worth: solid where the bank recorded it, dashed where it was computed, shaded where unknown. */
export function NetWorthLine(props: {
  of: NetWorth;
  label: string;
  /** What a day's total is based on. */
  names: { recorded: string; derived: string };
  format(amount: number): string;
  scale(amount: number): string;
  day(day: string): string;
}) {
  const { of, names, format, scale, day } = props;
  const points = pointsOf(of);
  const parts = [...Array(breaksOf(of).length + 1).keys()];
  // No animation: it would draw the dashes of a line that is growing.
  const line = { type: "linear", dot: false, activeDot: false, isAnimationActive: false } as const;
  const drawn = { ...line, stroke: CHOSEN, strokeWidth: 2, tooltipType: "none" } as const;
  const named = (value: unknown, _: unknown, { payload }: { payload?: Point }): [string, string] => [
    format(Number(value)),
    payload?.derived ? names.derived : names.recorded,
  ];
  return (
    <ResponsiveContainer width="100%" height={240}>
      <LineChart data={points} margin={{ top: 8, right: 8, left: 0, bottom: 0 }} accessibilityLayer title={props.label}>
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          dataKey="day"
          tickFormatter={day}
          tickLine={false}
          axisLine={false}
          stroke="var(--ink-2)"
          fontSize={FONT}
          minTickGap={40}
        />
        <YAxis
          domain={["auto", "auto"]}
          tickFormatter={scale}
          tickLine={false}
          axisLine={false}
          stroke="var(--ink-2)"
          width={axisWidth(
            points.map((one) => one.value),
            scale,
          )}
          fontSize={FONT}
        />
        {gapsOf(of.days).map(([from, to]) => (
          <ReferenceArea key={from} x1={from} x2={to} fill="var(--edge)" fillOpacity={0.2} stroke="none" />
        ))}
        {breaksOf(of).map((one) => (
          <ReferenceLine key={one} x={one} stroke="var(--edge)" strokeDasharray="2 4" />
        ))}
        <Tooltip
          formatter={named}
          labelFormatter={(value) => day(String(value))}
          contentStyle={box}
          itemStyle={{ color: "var(--ink)" }}
          separator=": "
        />
        {parts.map((part) => (
          <Line key={`computed${part}`} {...drawn} dataKey={`computed${part}`} strokeDasharray="5 4" />
        ))}
        {parts.map((part) => (
          <Line key={`recorded${part}`} {...drawn} dataKey={`recorded${part}`} />
        ))}
        <Line {...line} dataKey="value" stroke="none" dot={<Alone />} activeDot={{ r: 4, fill: CHOSEN }} />
      </LineChart>
    </ResponsiveContainer>
  );
}
