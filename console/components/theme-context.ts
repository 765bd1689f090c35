/** The theme, where every component finds it. */
import { createContext, useContext } from 'react';
import { type Theme, themes } from '../theme.js';

const ThemeContext = createContext<Theme>(themes.dark);

export const ThemeProvider = ThemeContext.Provider;

export function useTheme(): Theme {
  return useContext(ThemeContext);
}
