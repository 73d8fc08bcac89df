/** The API reference at /reference/: Redoc, with the app's colours. It shares nothing with the app's own bundle. */
import { init } from "redoc/bundles/redoc.standalone.js";
import "./reference.css";
import { options } from "./theme";

const DARK = matchMedia("(prefers-color-scheme: dark)");

/** The mode that the user chose in the app (public/theme.js), else the system's. */
function mode(): "light" | "dark" {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return DARK.matches ? "dark" : "light";
}

function show(): void {
  const place = document.createElement("div");
  document.getElementById("reference")?.replaceChildren(place);
  document.documentElement.dataset.mode = mode();
  init("/reference/openapi.json", options(mode()), place);
}

show();
DARK.addEventListener("change", show);
