import { publicTexts } from '@/texts/public';

const { rooms, width, height, planLabel } = publicTexts.landing;

/** x, y, width and height of each room on a sheet of 460 by 340. */
const ROOMS: { name: keyof typeof rooms; code: string; box: [number, number, number, number] }[] = [
  { name: 'company', code: '01', box: [40, 30, 130, 90] },
  { name: 'offer', code: '02', box: [170, 30, 160, 90] },
  { name: 'goals', code: '09', box: [330, 30, 100, 70] },
  { name: 'icps', code: '03', box: [40, 120, 190, 110] },
  { name: 'competitive', code: '04', box: [230, 120, 100, 110] },
  { name: 'market', code: '08', box: [330, 100, 100, 80] },
  { name: 'brand', code: '05', box: [40, 230, 110, 80] },
  { name: 'messaging', code: '06', box: [150, 230, 180, 80] },
  { name: 'channels', code: '07', box: [330, 180, 100, 130] },
];

/** Gaps in walls and the swing of the doors in them: x, y of the hinge, and the arc. */
const DOORS = [
  { gap: [170, 84, 170, 108], swing: 'M170 108 h-24 a24 24 0 0 1 24 -24' },
  { gap: [134, 120, 158, 120], swing: 'M134 120 v24 a24 24 0 0 0 24 -24' },
  { gap: [262, 120, 286, 120], swing: 'M286 120 v-24 a24 24 0 0 0 -24 24' },
  { gap: [330, 70, 330, 94], swing: 'M330 94 h-24 a24 24 0 0 1 24 -24' },
  { gap: [230, 184, 230, 208], swing: 'M230 184 h24 a24 24 0 0 1 -24 24' },
  { gap: [284, 230, 308, 230], swing: 'M308 230 v24 a24 24 0 0 1 -24 -24' },
  { gap: [150, 260, 150, 284], swing: 'M150 260 h-24 a24 24 0 0 0 24 24' },
  { gap: [330, 246, 330, 270], swing: 'M330 270 h24 a24 24 0 0 0 -24 -24' },
  { gap: [366, 180, 390, 180], swing: 'M366 180 v-24 a24 24 0 0 1 24 24' },
] as const;

/** The manifest as a floor plan. */
export function FloorPlan() {
  return (
    <svg className="plan" viewBox="0 0 446 320" role="img" aria-label={planLabel}>
      <g className="plan-grid">
        {Array.from({ length: 39 }, (_, index) => (
          <path key={`v${index}`} d={`M${40 + index * 10} 30 V310`} />
        ))}
        {Array.from({ length: 28 }, (_, index) => (
          <path key={`h${index}`} d={`M40 ${30 + index * 10} H430`} />
        ))}
      </g>
      <g className="plan-walls">
        {ROOMS.map(({ name, box: [x, y, w, h] }) => (
          <rect key={name} x={x} y={y} width={w} height={h} />
        ))}
        <rect className="plan-outside" x="40" y="30" width="390" height="280" />
      </g>
      <g className="plan-doors">
        {DOORS.map(({ gap: [x1, y1, x2, y2], swing }) => (
          <g key={swing}>
            <path className="plan-gap" d={`M${x1} ${y1} L${x2} ${y2}`} />
            <path className="plan-swing" d={swing} />
          </g>
        ))}
      </g>
      <g className="plan-names">
        {ROOMS.map(({ name, code, box: [x, y] }) => (
          <g key={name}>
            <text className="plan-code" x={x + 10} y={y + 20}>
              {code}
            </text>
            <text x={x + 10} y={y + 38}>
              {rooms[name]}
            </text>
          </g>
        ))}
      </g>
      <g className="plan-measures">
        <path d="M40 14 H430 M40 9 V19 M430 9 V19 M170 11 V17 M330 11 V17" />
        <path d="M22 30 V310 M17 30 H27 M17 310 H27 M19 120 H25 M19 230 H25" />
        <rect x="196" y="6" width="78" height="16" />
        <text x="235" y="18" textAnchor="middle">
          {width}
        </text>
        <g transform="translate(22 170) rotate(-90)">
          <rect x="-42" y="-8" width="84" height="16" />
          <text y="4" textAnchor="middle">
            {height}
          </text>
        </g>
      </g>
    </svg>
  );
}
