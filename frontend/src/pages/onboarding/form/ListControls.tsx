import { Button } from '@/components/Button';
import { announce } from '@/live/announcer';
import { onboardingTexts } from '@/texts/onboarding';

const texts = onboardingTexts.step;

interface ListControlsProps {
  /** What the entry is called: `Profile 2`. */
  name: string;
  index: number;
  count: number;
  move: (from: number, to: number) => void;
  remove: (index: number) => void;
  /** Prefix of the ids of the buttons, by which focus follows a moved entry. */
  path: string;
}

function focus(id: string): void {
  requestAnimationFrame(() => document.getElementById(id)?.focus());
}

/** Up, down and away: reordering without a pointer. Focus stays with the entry that moved. */
export function ListControls({ name, index, count, move, remove, path }: ListControlsProps) {
  const shift = (to: number, direction: 'up' | 'down') => {
    move(index, to);
    announce(texts.moved(name, to + 1, count));
    const edge = to === 0 || to === count - 1;
    const other = direction === 'up' ? 'down' : 'up';
    focus(`${path}.${to}-${edge ? other : direction}`);
  };
  return (
    <span className="list-controls">
      {count > 1 && (
        <>
          <Button small className="button-icon" id={`${path}.${index}-up`} aria-label={texts.up(name)} blocked={index === 0} onClick={() => shift(index - 1, 'up')}>
            <span aria-hidden="true">↑</span>
          </Button>
          <Button small className="button-icon" id={`${path}.${index}-down`} aria-label={texts.down(name)} blocked={index === count - 1} onClick={() => shift(index + 1, 'down')}>
            <span aria-hidden="true">↓</span>
          </Button>
        </>
      )}
      <Button
        small
        className="button-icon"
        aria-label={texts.remove(name)}
        onClick={() => {
          remove(index);
          announce(texts.removed(name));
          focus(`${path}-add`);
        }}
      >
        <span aria-hidden="true">×</span>
      </Button>
    </span>
  );
}
