/** What the device remembers; a browser that is told to remember nothing throws at the mere sight of its memory. */
export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // It holds for as long as the page does.
  }
}
