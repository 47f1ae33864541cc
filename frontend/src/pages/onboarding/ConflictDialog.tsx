import { Button } from '@/components/Button';
import { Dialog } from '@/components/Dialog';
import { dateAndTime } from '@/format/time';
import { sameAnswer, type Answer } from '@/onboarding/answer';
import type { Stored } from '@/onboarding/autosave';
import type { Step } from '@/onboarding/definition';
import { onboardingTexts } from '@/texts/onboarding';
import { Readable } from './Readable';

const texts = onboardingTexts.conflict;

interface ConflictDialogProps {
  open: boolean;
  step: Step;
  mine: Answer;
  theirs: Stored;
  onMine: () => void;
  onTheirs: () => void;
  onLater: () => void;
}

/** Both versions of a step that was changed in two places; only what differs is shown. */
export function ConflictDialog({ open, step, mine, theirs, onMine, onTheirs, onLater }: ConflictDialogProps) {
  const differing = step.fields.filter((field) => !sameAnswer(mine[field.name], theirs.answer?.[field.name]));
  return (
    <Dialog open={open} title={texts.title} text={texts.text} onClose={onLater} firm>
      <div className="versions">
        <div>
          <h3>{texts.mine}</h3>
          <Readable fields={differing} answer={mine} />
          <div>
            <Button kind="primary" onClick={onMine}>
              {texts.keepMine}
            </Button>
          </div>
        </div>
        <div>
          <h3>{texts.theirs}</h3>
          {theirs.updatedAt !== undefined && <p className="muted small">{texts.theirsAt(dateAndTime(theirs.updatedAt))}</p>}
          <Readable fields={differing} answer={theirs.answer} />
          <div>
            <Button onClick={onTheirs}>{texts.takeTheirs}</Button>
          </div>
        </div>
      </div>
      <div>
        <Button kind="quiet" onClick={onLater}>
          {texts.later}
        </Button>
      </div>
    </Dialog>
  );
}
