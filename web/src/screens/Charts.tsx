import {
  Bar,
  BarChart,
  CartesianGrid,
  Cell,
  Pie,
  PieChart,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import type { Spending } from "../bank";

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
          fontSize={12}
        />
        <YAxis tickFormatter={scale} tickLine={false} axisLine={false} stroke="var(--ink-2)" width={72} fontSize={12} />
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
