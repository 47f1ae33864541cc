const KEY = 'groundwork.invitation';

/** The invitation that somebody signs up or in for. The link of the mail that confirms them opens another tab, which finds it here. */
export function rememberInvitation(token: string): void {
  try {
    localStorage.setItem(KEY, token);
  } catch {
    // The link of the invitation is followed once more then.
  }
}

export function pendingInvitation(): string | undefined {
  try {
    return localStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

export function forgetInvitation(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was kept.
  }
}
