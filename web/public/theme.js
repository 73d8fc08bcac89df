// Runs before the first paint, so that the theme does not flash. A file, because the CSP forbids inline scripts.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // A browser that blocks storage has no chosen theme.
}
