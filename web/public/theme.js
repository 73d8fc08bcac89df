// Before the first paint, so that a chosen theme does not flash; the policy allows no inline script.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // A browser that is told to remember nothing has no chosen theme.
}
