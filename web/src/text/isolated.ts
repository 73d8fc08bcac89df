/** Text from a bank or user inside a sentence or a line. */

// The blocks of right-to-left scripts, https://www.unicode.org/Public/UCD/latest/ucd/extracted/DerivedBidiClass.txt
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
// Unclosed directional controls would change the order of what follows: https://www.unicode.org/reports/tr9/
const CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * The text, isolated from what is next to it if it is written from right to left; otherwise, two such names with a dot
 * between them would be shown in the wrong order. Other text stays as it is.
 */
export function isolated(text: string): string {
  const plain = text.replace(CONTROLS, "");
  return RIGHT_TO_LEFT.test(plain) ? `\u2068${plain}\u2069` : plain;
}
