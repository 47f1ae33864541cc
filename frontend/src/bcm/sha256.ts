/** The SHA-256 of bytes as lower-case hex; nothing where the browser offers none (an address without TLS). */
export async function sha256(bytes: ArrayBuffer): Promise<string | undefined> {
  if (!('subtle' in crypto)) return undefined;
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
