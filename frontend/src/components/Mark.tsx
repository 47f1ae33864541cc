/** The mark: a plan with two walls. */
export function Mark({ size = 20 }: { size?: number }) {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} aria-hidden="true" focusable="false">
      <path d="M2 2h12v12H2zM2 8h12M8 8v6" fill="none" stroke="currentColor" strokeWidth="1.5" />
    </svg>
  );
}
