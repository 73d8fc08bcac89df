/** Values in local storage. A browser that blocks storage throws on any access to it. */
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
    // The value then lasts until the page is reloaded.
  }
}
