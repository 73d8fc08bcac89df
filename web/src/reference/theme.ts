/** Redoc's colours in the app's palette (app.css). Redoc computes with them, so they cannot be CSS variables. */
interface Palette {
  ink: string;
  quiet: string;
  surface: string;
  raised: string;
  line: string;
  accent: string;
  good: string;
  bad: string;
  warning: string;
  panel: string;
}

const PALETTES: Record<"light" | "dark", Palette> = {
  light: {
    ink: "#171a1f",
    quiet: "#5a5f69",
    surface: "#ffffff",
    raised: "#f6f5f1",
    line: "#e5e2da",
    accent: "#0f6b57",
    good: "#0f6b57",
    bad: "#b3261e",
    warning: "#8a5300",
    panel: "#1d2226",
  },
  dark: {
    ink: "#eceef0",
    quiet: "#a6adb6",
    surface: "#181b1e",
    raised: "#202428",
    line: "#2c3136",
    accent: "#5bcbaa",
    good: "#5bcbaa",
    bad: "#ff9d94",
    warning: "#f0c274",
    panel: "#101214",
  },
};

const SANS = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";

/** https://redocly.com/docs/redoc/v2.x/config: the options of the page. */
export function options(mode: "light" | "dark"): Record<string, unknown> {
  const palette = PALETTES[mode];
  return {
    disableSearch: true, // its worker starts from a blob: address, which the page's policy forbids
    downloadUrls: [{ title: "openapi.json", url: "/reference/openapi.json" }],
    hideSchemaTitles: true,
    jsonSampleExpandLevel: "all",
    pathInMiddlePanel: true,
    requiredPropsFirst: true,
    nativeScrollbars: true,
    sideNavStyle: "summary-only",
    theme: themeOf(palette),
  };
}

function themeOf(p: Palette): Record<string, unknown> {
  const answer = (color: string) => ({ color, backgroundColor: p.raised });
  return {
    colors: {
      primary: { main: p.accent },
      success: { main: p.good },
      warning: { main: p.warning, contrastText: p.surface },
      error: { main: p.bad },
      gray: { 50: p.raised, 100: p.line },
      text: { primary: p.ink, secondary: p.quiet },
      border: { dark: p.line, light: p.line },
      responses: { success: answer(p.good), error: answer(p.bad) },
      http: { get: "#0f6b57", post: "#1f5fa8", delete: "#b3261e" },
    },
    schema: {
      linesColor: p.line,
      typeNameColor: p.quiet,
      typeTitleColor: p.quiet,
      requireLabelColor: p.bad,
      nestedBackground: p.raised,
      arrow: { color: p.quiet },
    },
    typography: {
      fontFamily: SANS,
      headings: { fontFamily: SANS },
      code: { fontFamily: MONO, color: p.ink, backgroundColor: p.raised, wrap: true },
      links: { color: p.accent, visited: p.accent, hover: p.accent },
    },
    sidebar: { backgroundColor: p.raised, textColor: p.ink, activeTextColor: p.accent },
    rightPanel: {
      backgroundColor: p.panel,
      textColor: "#eceef0",
      servers: {
        overlay: { backgroundColor: p.raised, textColor: p.ink },
        url: { backgroundColor: p.surface },
      },
    },
    codeBlock: { backgroundColor: "#0b0d0f" },
    fab: { backgroundColor: p.raised, color: p.accent },
  };
}
