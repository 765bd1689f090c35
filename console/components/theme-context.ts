/** The theme, where every component finds it. */
import { createContext, useContext } from 'react';
import { type Theme, themeFor } from '../theme.js';

const ThemeContext = createContext<Theme>(themeFor('none', 'none'));

export const ThemeProvider = ThemeContext.Provider;

export function useTheme(): Theme {
  return useContext(ThemeContext);
}
