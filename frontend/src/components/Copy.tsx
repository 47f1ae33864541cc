import { useState } from 'react';
import { announce } from '@/live/announcer';
import { common } from '@/texts/common';
import { Button } from './Button';

/** A code that people pass on: an id, a checksum, a key. */
export function Copyable({ label, value }: { label: string; value: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    announce(`${common.copied}: ${label}`);
    setTimeout(() => setCopied(false), 2_000);
  };
  return (
    <span className="copyable">
      <code className="breakable">{value}</code>
      {'clipboard' in navigator && (
        <Button kind="quiet" small onClick={() => void copy().catch(() => undefined)} aria-label={`${common.copy}: ${label}`}>
          {copied ? common.copied : common.copy}
        </Button>
      )}
    </span>
  );
}
