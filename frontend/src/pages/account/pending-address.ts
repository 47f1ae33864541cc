const KEY = 'groundwork.pending-address';

/** The address that waits for its mail, so that the page can name it after a reload. It ends with the tab. */
export function rememberAddress(email: string): void {
  try {
    sessionStorage.setItem(KEY, email);
  } catch {
    // The page then says "you" instead of the address.
  }
}

export function pendingAddress(): string {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}
