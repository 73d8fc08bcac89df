/** Positions by currency, with their weights and gains. */
import { daysAfter } from "./days";
import { difference, signOf, sum } from "./sums";
import type { Holding } from "./types.generated";

export interface Position {
  holding: Holding;
  /** The share in the positive values, from 0 to 1; null if the value is unknown or negative. */
  weight: number | null;
  /** Null if the cost or the value is unknown, and for cash. A missing cost is not 0. */
  gain: string | null;
  /** The gain as a share of the cost; null if the cost is 0. */
  gainShare: number | null;
}
export interface Portfolio {
  currency: string;
  /** The largest first; positions without a value last. */
  positions: Position[];
  total: string;
  /** The gain of the positions with a known cost; null if there are none. */
  gain: string | null;
  gainShare: number | null;
  /** How many positions other than cash there are, of how many the cost is known, and how many have no value. */
  securities: number;
  withCost: number;
  withoutValue: number;
}

const shareOfCost = (gain: string, cost: string) => (signOf(cost) > 0 ? Number(gain) / Number(cost) : null);

const RECENT = 4; // days between the last trading day before a long weekend and the day after it

/** The day of a position's price, if it is so old that the value may be wrong; else null. */
export const oldPriceOf = ({ institution_price_as_of: priced }: Holding, today: string): string | null =>
  priced && priced < daysAfter(today, -RECENT) ? priced : null;

/** The cost of a position whose gain is known. */
const costOf = ({ is_cash, cost_basis, institution_value }: Holding) =>
  is_cash || institution_value === null ? null : cost_basis;

function positionOf(holding: Holding, invested: number): Position {
  const { institution_value: value } = holding;
  const cost = costOf(holding);
  const gain = value === null || cost === null ? null : difference(value, cost);
  return {
    holding,
    weight: value === null || signOf(value) < 0 || invested === 0 ? null : Number(value) / invested,
    gain,
    gainShare: gain === null || cost === null ? null : shareOfCost(gain, cost),
  };
}

function portfolioOf(currency: string, holdings: Holding[]): Portfolio {
  const values = holdings.flatMap((one) => one.institution_value ?? []);
  const invested = Number(sum(values.filter((one) => signOf(one) > 0)));
  const positions = holdings
    .map((one) => positionOf(one, invested))
    .sort(
      (a, b) => Number(b.holding.institution_value ?? "-Infinity") - Number(a.holding.institution_value ?? "-Infinity"),
    );
  const known = positions.filter((one) => one.gain !== null);
  const gain = known.length > 0 ? sum(known.map((one) => one.gain ?? "0")) : null;
  const cost = sum(known.map((one) => costOf(one.holding) ?? "0"));
  return {
    currency,
    positions,
    total: sum(values),
    gain,
    gainShare: gain === null ? null : shareOfCost(gain, cost),
    securities: holdings.filter((one) => !one.is_cash).length,
    withCost: known.length,
    withoutValue: holdings.length - values.length,
  };
}

/** One portfolio for each currency, the one with most positions first. Amounts are added exactly. */
export function portfoliosOf(holdings: Holding[]): Portfolio[] {
  const groups = new Map<string, Holding[]>();
  for (const one of holdings) groups.set(one.currency ?? "", [...(groups.get(one.currency ?? "") ?? []), one]);
  return [...groups].sort((a, b) => b[1].length - a[1].length).map(([currency, group]) => portfolioOf(currency, group));
}
