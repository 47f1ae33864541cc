import { useQuery } from '@tanstack/react-query';
import { comparisonQuery, type Difference } from '@/bcm/queries';
import { Button } from '@/components/Button';
import { QueryPanel } from '@/components/QueryPanel';
import { Sheet } from '@/components/Sheet';
import { Tag } from '@/components/Tag';
import { useWorkspace } from '@/gate/gate-query';
import { appTexts } from '@/texts/app';
import { labelOf } from './ManifestText';

const texts = appTexts.foundation;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value in a line: texts as they are, things by what they say. */
function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(inWords).join(', ');
  if (isObject(value)) return Object.values(value).map(inWords).filter(Boolean).join(' – ');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function Change({ difference: { section, kind, what, of, before, after } }: { difference: Difference }) {
  const sections: Record<string, string> = texts.sections;
  return (
    <li>
      <span className="muted small">{sections[section] ?? labelOf(section)}</span>
      <div className="change-values">
        <p>
          <strong>{labelOf(what)}</strong>
          {of !== undefined && <span className="muted"> ({of})</span>} {texts.kinds[kind] ?? kind}
        </p>
        {before !== undefined && kind !== 'reordered' && (
          <p>
            <span className="hidden-visually">{texts.before}: </span>
            <del>{inWords(before)}</del>
          </p>
        )}
        {after !== undefined && (
          <p>
            <span className="hidden-visually">{texts.after}: </span>
            <ins>{inWords(after)}</ins>
          </p>
        )}
      </div>
    </li>
  );
}

/** What changed in a version, in the words of the business. */
export function Comparison({ version, onClose }: { version: string; onClose: () => void }) {
  const workspace = useWorkspace();
  const comparison = useQuery(comparisonQuery(workspace.id, version));
  return (
    <QueryPanel query={comparison} lines={6}>
      {({ from, to, change, differences }) => (
        <Sheet title={texts.changesTitle(to.version, from?.version)} aside={<Tag tone="accent">{texts.changeOf[change] ?? change}</Tag>}>
          {differences.length === 0 ? (
            <p className="secondary">{texts.noDifferences}</p>
          ) : (
            <ol className="changes">
              {(differences as unknown as Difference[]).map((difference) => (
                <Change key={`${difference.kind} ${difference.pointer}`} difference={difference} />
              ))}
            </ol>
          )}
          <div>
            <Button onClick={onClose}>{texts.closeChanges}</Button>
          </div>
        </Sheet>
      )}
    </QueryPanel>
  );
}
