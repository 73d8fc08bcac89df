/** The colours of categories. */
const HUES: Record<string, number> = {
  FOOD_AND_DRINK: 25,
  TRANSPORTATION: 220,
  TRAVEL: 195,
  GENERAL_MERCHANDISE: 290,
  ENTERTAINMENT: 330,
  RENT_AND_UTILITIES: 50,
  MEDICAL: 0,
  PERSONAL_CARE: 310,
  INCOME: 150,
  TRANSFER_IN: 165,
  TRANSFER_OUT: 250,
  LOAN_PAYMENTS: 265,
  BANK_FEES: 10,
  GENERAL_SERVICES: 180,
  HOME_IMPROVEMENT: 80,
  GOVERNMENT_AND_NON_PROFIT: 230,
};

/** The hue of a category, in degrees; the style sheet derives a light and a dark colour from it. */
export function hueOf(category: string | null): number {
  if (!category) return 215;
  return HUES[category] ?? [...category].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 360, 7);
}

/** Ten colours that any two slices of the ring can have beside each other: neighbouring hues differ in lightness. */
export const PALETTE = Array.from({ length: 10 }, (_, i) => {
  const hue = 25 + 36 * i;
  const [light, dark] = i % 2 ? [0.64, 0.84] : [0.46, 0.64];
  return { hue, light: `oklch(${light} 0.13 ${hue % 360})`, dark: `oklch(${dark} 0.13 ${hue % 360})` };
});

const distance = (a: number, b: number) => Math.abs(((((a - b) % 360) + 540) % 360) - 180);

/**
 * A colour for each slice of the ring, in their order: the free one nearest to the category's hue. With more slices
 * than colours the palette is used again, and neighbours still differ.
 */
export function ringColours(categories: string[]): Map<string, string> {
  const chosen: (typeof PALETTE)[number][] = [];
  for (const [i, category] of categories.entries()) {
    const inUse = chosen.slice(chosen.length - (chosen.length % PALETTE.length));
    const beside = [chosen.at(-1), i === categories.length - 1 ? chosen[0] : undefined];
    const hue = hueOf(category || null);
    const free = PALETTE.filter((one) => !inUse.includes(one) && !beside.includes(one));
    const candidates = free.length > 0 ? free : PALETTE.filter((one) => !beside.includes(one));
    const nearest = candidates.reduce((a, b) => (distance(b.hue, hue) < distance(a.hue, hue) ? b : a));
    chosen.push(nearest);
  }
  return new Map(categories.map((category, i) => [category, `light-dark(${chosen[i]?.light}, ${chosen[i]?.dark})`]));
}
