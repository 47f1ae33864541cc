/** The names of generated files that differ from what the documents give now. */
export function stale(): Promise<string[]>;
