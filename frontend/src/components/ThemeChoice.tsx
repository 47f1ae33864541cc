import { useState } from 'react';
import { chooseTheme, chosenTheme, THEMES, type Theme } from '@/theme/theme';
import { common } from '@/texts/common';
import { Select } from './Field';

export function ThemeChoice() {
  const [theme, setTheme] = useState<Theme>(chosenTheme);
  return (
    <Select
      label={common.theme.label}
      value={theme}
      onChange={(event) => {
        const chosen = THEMES.find((name) => name === event.target.value) ?? 'system';
        chooseTheme(chosen);
        setTheme(chosen);
      }}
    >
      {THEMES.map((name) => (
        <option key={name} value={name}>
          {common.theme[name]}
        </option>
      ))}
    </Select>
  );
}
