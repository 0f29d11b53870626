/**
 * to_date and to_timestamp of text (manual, 9.8; PostgreSQL's formatting.c, DCH_from_char and do_to_timestamp): text is read
 * along a template, fields that were not read keep what they begin with.
 */

import { TimeTz } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import {
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  isLeapYear,
  isoWeekStart,
  JULIAN_EPOCH,
} from '../types/calendar.ts';
import { fixedZone, type TimeZone } from '../types/time-zone.ts';
import {
  checkedTimestamp,
  instantOfLocal,
  isTimestamp,
  joinLocal,
  roundMicros,
  roundTimestamp,
} from '../types/timestamptz.ts';
import type { SqlValue } from '../types/types.ts';
import {
  DAYS,
  dateTemplate,
  isSeparator,
  isSpace,
  MONTHS,
  ROMAN_MONTHS,
  type TemplateNode,
} from './format-template.ts';

type FieldNode = Extract<TemplateNode, { readonly kind: 'field' }>;

/** Numbers that were read; 0 is a field that was not. */
interface Fields {
  hour: number;
  minute: number;
  second: number;
  secondOfDay: number;
  millis: number;
  micros: number;
  isPm: number;
  hasClock12: boolean;
  weekday: number;
  day: number;
  yearDay: number;
  month: number;
  year: number;
  yearDigits: number;
  isBc: number;
  century: number;
  week: number;
  weekOfMonth: number;
  julian: number;
  zoneSign: number;
  zoneHours: number;
  zoneMinutes: number;
  convention: 'gregorian' | 'iso' | undefined;
  /** Digits of a second that FF1 to FF6 ask for. */
  precision: number | undefined;
}

const FIXED_WIDTH_HINT = 'If your source string is not fixed-width, try using the "FM" modifier.';
const INT_MAX = 2_147_483_647;

function invalid(message: string, detail?: string, hint?: string): SqlError {
  return new SqlError('invalid_datetime_format', message, { detail, hint });
}

class TemplateReader {
  readonly #text: string;
  readonly #nodes: readonly TemplateNode[];
  #at = 0;
  readonly fields: Fields = {
    hour: 0,
    minute: 0,
    second: 0,
    secondOfDay: 0,
    millis: 0,
    micros: 0,
    isPm: 0,
    hasClock12: false,
    weekday: 0,
    day: 0,
    yearDay: 0,
    month: 0,
    year: 0,
    yearDigits: 0,
    isBc: 0,
    century: 0,
    week: 0,
    weekOfMonth: 0,
    julian: 0,
    zoneSign: 0,
    zoneHours: 0,
    zoneMinutes: 0,
    convention: undefined,
    precision: undefined,
  };
  readonly #strict: boolean;

  /** @param strict The text has to be what the template says, character by character. */
  constructor(text: string, nodes: readonly TemplateNode[], strict = false) {
    this.#text = text;
    this.#nodes = nodes;
    this.#strict = strict;
  }

  read(): void {
    let isFixed = this.#strict;
    let used = 0;
    // Characters of the text that were skipped beyond what the template says.
    let skipped = 0;
    for (let i = 0; i < this.#nodes.length && this.#at < this.#text.length; i++) {
      const node = this.#nodes[i]!;
      used = i + 1;
      const isFx = node.kind === 'field' && node.keyword.id === 'FX';
      if (!isFixed && !isFx && (node.kind === 'field' || i === 0)) skipped += this.#skipSpaces();
      if (node.kind === 'space' || node.kind === 'separator') {
        if (this.#strict) this.#match(node.text, 'separator');
        else if (isFixed) this.#skipCharacter();
        else {
          skipped--;
          const next = this.#text[this.#at];
          if (isSpace(next) || isSeparator(next)) {
            this.#at++;
            skipped++;
          }
        }
        continue;
      }
      if (node.kind !== 'field') {
        // What was skipped before may have stood for this character.
        if (this.#strict) this.#match(node.text, 'character');
        else if (!isFixed && skipped > 0) skipped--;
        else this.#skipCharacter();
        continue;
      }
      const { convention } = node.keyword;
      if (convention !== undefined) {
        this.fields.convention ??= convention;
        if (this.fields.convention !== convention) {
          throw invalid(
            'invalid combination of date conventions',
            undefined,
            'Do not mix Gregorian and ISO week date conventions in a formatting template.',
          );
        }
      }
      if (isFx) isFixed = true;
      else this.#field(node, i, skipped);
      if (!isFixed) skipped = this.#skipSpaces();
    }
    if (!this.#strict) return;
    if (used < this.#nodes.length) throw invalid('input string is too short for datetime format');
    this.#skipSpaces();
    if (this.#at < this.#text.length) {
      throw invalid('trailing characters remain in input string after datetime format');
    }
  }

  #match(expected: string, what: 'separator' | 'character'): void {
    if (!this.#text.startsWith(expected, this.#at)) throw invalid(`unmatched format ${what} "${expected}"`);
    this.#at += expected.length;
  }

  #skipSpaces(): number {
    const from = this.#at;
    while (isSpace(this.#text[this.#at])) this.#at++;
    return this.#at - from;
  }

  #skipCharacter(): void {
    const code = this.#text.codePointAt(this.#at);
    if (code !== undefined) this.#at += code > 0xffff ? 2 : 1;
  }

  #field(node: FieldNode, index: number, skipped: number): void {
    const { fields } = this;
    const { id, name } = node.keyword;
    const read = (length: number): readonly [number, number] => this.#integer(length, node, index);
    const set = (field: NumberField, value: number): void => {
      if (fields[field] !== 0 && fields[field] !== value) {
        throw invalid(
          `conflicting values for "${name}" field in formatting string`,
          'This value contradicts a previous setting for the same field type.',
        );
      }
      fields[field] = value;
    };
    const number = (field: NumberField, length = name.length): void => set(field, read(length)[0]);
    switch (id) {
      case 'A.M.':
      case 'P.M.':
        set('isPm', this.#word(['a.m.', 'p.m.'], name));
        fields.hasClock12 = true;
        return;
      case 'AM':
      case 'PM':
        set('isPm', this.#word(['am', 'pm'], name));
        fields.hasClock12 = true;
        return;
      case 'HH':
      case 'HH12':
        number('hour', 2);
        fields.hasClock12 = true;
        break;
      case 'HH24':
        number('hour', 2);
        break;
      case 'MI':
        number('minute');
        break;
      case 'SS':
        number('second');
        break;
      case 'MS': {
        const [value, length] = read(3);
        set('millis', value);
        fields.millis *= length === 1 ? 100 : length === 2 ? 10 : 1;
        break;
      }
      case 'FF1':
      case 'FF2':
      case 'FF3':
      case 'FF4':
      case 'FF5':
      case 'FF6':
      case 'US': {
        const [value, length] = read(id === 'US' ? 6 : Number(id[2]));
        set('micros', value);
        fields.micros *= length < 6 ? 10 ** (6 - length) : 1;
        if (id !== 'US') fields.precision = Number(id[2]);
        break;
      }
      case 'SSSS':
        number('secondOfDay');
        break;
      case 'TZ':
      case 'OF':
        throw new SqlError('feature_not_supported', `formatting field "${name}" is only supported in to_char`);
      case 'TZH': {
        const next = this.#text[this.#at];
        if (next === '+' || next === '-' || next === ' ') {
          fields.zoneSign = next === '-' ? -1 : 1;
          this.#at++;
        } else fields.zoneSign = skipped > 0 && this.#text[this.#at - 1] === '-' ? -1 : 1;
        number('zoneHours', 2);
        return;
      }
      case 'TZM':
        if (fields.zoneSign === 0) fields.zoneSign = 1;
        number('zoneMinutes', 2);
        return;
      case 'A.D.':
      case 'B.C.':
        set('isBc', this.#word(['a.d.', 'b.c.'], name));
        return;
      case 'AD':
      case 'BC':
        set('isBc', this.#word(['ad', 'bc'], name));
        return;
      case 'MONTH':
        set('month', this.#word(MONTHS, name) + 1);
        return;
      case 'MON':
        set(
          'month',
          this.#word(
            MONTHS.map((month) => month.slice(0, 3)),
            name,
          ) + 1,
        );
        return;
      case 'MM':
        number('month');
        break;
      case 'DAY':
        set('weekday', this.#word(DAYS, name));
        fields.weekday++;
        return;
      case 'DY':
        set(
          'weekday',
          this.#word(
            DAYS.map((day) => day.slice(0, 3)),
            name,
          ),
        );
        fields.weekday++;
        return;
      case 'DDD':
        number('yearDay');
        break;
      case 'IDDD':
        number('yearDay', 3);
        break;
      case 'DD':
        number('day');
        break;
      case 'D':
        number('weekday');
        break;
      case 'ID':
        number('weekday', 1);
        // Sunday is 1 from here on.
        fields.weekday = fields.weekday + 1 > 7 ? 1 : fields.weekday + 1;
        break;
      case 'WW':
      case 'IW':
        number('week');
        break;
      case 'Q':
        // Nobody knows which day of a quarter is meant.
        read(1);
        break;
      case 'CC':
        number('century');
        break;
      case 'Y,YYY': {
        const match = /^\s*([+-]?\d+),(?:\s*)([+-]?\d{1,3})/.exec(this.#text.slice(this.#at));
        if (match === null) throw invalid('invalid input string for "Y,YYY"');
        set('year', Number(match[1]) * 1_000 + Number(match[2]));
        fields.yearDigits = 4;
        this.#at += match[0].length;
        break;
      }
      case 'YYYY':
      case 'IYYY':
        number('year');
        fields.yearDigits = 4;
        break;
      case 'YYY':
      case 'IYY':
      case 'YY':
      case 'IY':
      case 'Y':
      case 'I': {
        const width = id.endsWith('YY') ? (id.length === 2 ? 2 : 3) : id.length;
        const [value, length] = read(width);
        set('year', value);
        if (length < 4) fields.year = fullYear(fields.year);
        fields.yearDigits = width;
        break;
      }
      case 'RM':
        set('month', 12 - this.#word(ROMAN_MONTHS, name));
        return;
      case 'W':
        number('weekOfMonth');
        break;
      case 'J':
        number('julian');
        break;
      default:
    }
    if (node.ordinal !== undefined) {
      this.#skipCharacter();
      this.#skipCharacter();
    }
  }

  /** Exactly `length` characters, or as many digits as there are where something else follows. @returns value, characters. */
  #integer(length: number, node: FieldNode, index: number): readonly [number, number] {
    const start = this.#at;
    this.#skipSpaces();
    const rest = this.#text.slice(this.#at);
    const copy = rest.slice(0, length);
    const { name } = node.keyword;
    let digits: RegExpExecArray | null;
    if (node.fill || this.#endsField(index)) {
      digits = /^[ \t\n\v\f\r]*[+-]?\d+/.exec(this.#text.slice(start));
      if (digits !== null) this.#at = start + digits[0].length;
      else this.#at = start;
    } else {
      if (rest.length < length) {
        throw invalid(
          `source string too short for "${name}" formatting field`,
          `Field requires ${length} characters, but only ${rest.length} remain.`,
          FIXED_WIDTH_HINT,
        );
      }
      digits = /^[ \t\n\v\f\r]*[+-]?\d+/.exec(copy);
      const used = digits === null ? 0 : digits[0].length;
      if (used > 0 && used < length) {
        throw invalid(
          `invalid value "${copy}" for "${name}"`,
          `Field requires ${length} characters, but only ${used} could be parsed.`,
          FIXED_WIDTH_HINT,
        );
      }
      this.#at += used;
    }
    if (this.#at === start || digits === null) {
      throw invalid(`invalid value "${copy}" for "${name}"`, 'Value must be an integer.');
    }
    const value = Number(digits[0].trim());
    if (value > INT_MAX || value < -INT_MAX - 1) {
      throw new SqlError('datetime_field_overflow', `value for "${name}" in source string is out of range`, {
        detail: `Value must be in the range ${-INT_MAX - 1} to ${INT_MAX}.`,
      });
    }
    return [value, this.#at - start];
  }

  /** Whether what follows the field is surely no digit. */
  #endsField(index: number): boolean {
    const node = this.#nodes[index]!;
    if (node.kind === 'field' && node.ordinal !== undefined) return true;
    const next = this.#nodes[index + 1];
    if (next === undefined) return true;
    return next.kind === 'field' ? !next.keyword.isDigit : !/^\d$/.test(next.text);
  }

  /** The place of the word that the text goes on with. */
  #word(words: readonly string[], name: string): number {
    const rest = this.#text.slice(this.#at).toLowerCase();
    const found = words.findIndex((word) => rest.startsWith(word.toLowerCase()));
    if (found < 0) {
      const shown = /^[^ \t\n\v\f\r]*/.exec(this.#text.slice(this.#at))![0];
      throw invalid(
        `invalid value "${shown}" for "${name}"`,
        'The given value did not match any of the allowed values for this field.',
      );
    }
    this.#at += words[found]!.length;
    return found;
  }
}

type NumberField = { [F in keyof Fields]: Fields[F] extends number ? F : never }[keyof Fields];

/** Years of less than four digits are near 2020. */
function fullYear(year: number): number {
  if (year < 70) return year + 2_000;
  if (year < 100) return year + 1_900;
  if (year < 520) return year + 2_000;
  return year < 1_000 ? year + 1_000 : year;
}

interface ReadTime {
  readonly days: number;
  readonly year: number;
  readonly micros: number;
  /** Seconds ahead of UTC, where the text said so. */
  readonly offset: number | undefined;
  /** Digits of a second that were asked for. */
  readonly precision: number | undefined;
}

function readBy(text: string, nodes: readonly TemplateNode[], strict = false): ReadTime {
  const reader = new TemplateReader(text, nodes, strict);
  reader.read();
  const { fields } = reader;
  const overflow = (): SqlError =>
    new SqlError('datetime_field_overflow', `date/time field value out of range: "${text}"`);
  let hour = Math.trunc(fields.secondOfDay / 3_600);
  let minute = Math.trunc(fields.secondOfDay / 60) % 60;
  let second = fields.secondOfDay % 60;
  if (fields.second !== 0) second = fields.second;
  if (fields.minute !== 0) minute = fields.minute;
  if (fields.hour !== 0) hour = fields.hour;
  if (fields.hasClock12) {
    if (hour < 1 || hour > 12) {
      throw invalid(
        `hour "${hour}" is invalid for the 12-hour clock`,
        undefined,
        'Use the 24-hour clock, or give an hour between 1 and 12.',
      );
    }
    if (fields.isPm === 1 && hour < 12) hour += 12;
    else if (fields.isPm === 0 && hour === 12) hour = 0;
  }
  const date = dateOf(fields);
  if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > daysInMonth(date.year, date.month)) {
    if (date.isGiven) throw overflow();
  }
  const micros = fields.millis * 1_000 + fields.micros;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) throw overflow();
  if (micros < 0 || micros >= 1_000_000) throw overflow();
  let offset: number | undefined;
  if (fields.zoneSign !== 0) {
    const { zoneHours, zoneMinutes } = fields;
    if (zoneHours < 0 || zoneHours > 15 || zoneMinutes < 0 || zoneMinutes > 59) throw overflow();
    offset = fields.zoneSign * (zoneHours * 3_600 + zoneMinutes * 60);
  }
  return {
    days: daysFromCivil(date.year, date.month, date.day),
    year: date.year,
    micros: ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros,
    offset,
    precision: fields.precision,
  };
}

interface ReadDate {
  year: number;
  month: number;
  day: number;
  /** Whether any of them was. */
  isGiven: boolean;
}

function dateOf(fields: Fields): ReadDate {
  const date: ReadDate = { year: 0, month: 1, day: 1, isGiven: false };
  const take = (days: number): void => {
    [date.year, date.month, date.day] = civilFromDays(days);
    date.isGiven = true;
  };
  const century = fields.isBc === 1 ? -fields.century : fields.century;
  if (fields.year !== 0) {
    date.isGiven = true;
    if (fields.century !== 0 && fields.yearDigits <= 2) {
      // The low digits of a year in that century; the 21st is 2001 to 2100.
      const low = fields.year % 100;
      if (low !== 0) date.year = century >= 0 ? low + (century - 1) * 100 : (century + 1) * 100 - low + 1;
      else date.year = century * 100 + (century >= 0 ? 0 : 1);
    } else {
      date.year = fields.isBc === 1 ? -fields.year : fields.year;
      if (date.year < 0) date.year++;
    }
  } else if (fields.century !== 0) {
    date.isGiven = true;
    date.year = century >= 0 ? (century - 1) * 100 + 1 : century * 100 + 1;
  }
  if (fields.julian !== 0) take(fields.julian - JULIAN_EPOCH);
  let { yearDay, day } = fields;
  if (fields.week !== 0) {
    if (fields.convention === 'iso') {
      const monday = isoWeekStart(date.year, fields.week);
      // Sunday, which is 1 here, ends the week.
      const inWeek = fields.weekday === 0 ? 0 : fields.weekday > 1 ? fields.weekday - 2 : 6;
      take(monday + inWeek);
    } else yearDay = (fields.week - 1) * 7 + 1;
  }
  if (fields.weekOfMonth !== 0) day = (fields.weekOfMonth - 1) * 7 + 1;
  if (day !== 0) {
    date.day = day;
    date.isGiven = true;
  }
  if (fields.month !== 0) {
    date.month = fields.month;
    date.isGiven = true;
  }
  if (yearDay !== 0 && (date.month <= 1 || date.day <= 1)) {
    if (date.year === 0 && fields.isBc === 0) {
      throw invalid('cannot calculate day of year without year information');
    }
    if (fields.convention === 'iso') take(isoWeekStart(date.year, 1) - 1 + yearDay);
    else {
      let month = 1;
      let before = 0;
      while (
        month < 13 &&
        yearDay > before + (month === 2 && isLeapYear(date.year) ? 29 : daysInMonth(date.year, month))
      ) {
        before += daysInMonth(date.year, month);
        if (++month > 12) break;
      }
      if (date.month <= 1) date.month = month;
      if (date.day <= 1) date.day = yearDay - before;
      date.isGiven = true;
    }
  }
  return date;
}

/** @throws SqlError `invalid_datetime_format`, `datetime_field_overflow`. */
export function parseTimestampBy(text: string, template: string, zone: TimeZone): bigint {
  const { days, micros, offset, precision } = readBy(text, dateTemplate(template));
  const local = joinLocal(days, micros);
  if (!isTimestamp(local)) throw new SqlError('datetime_field_overflow', 'timestamp out of range');
  const instant = instantOfLocal(local, offset === undefined ? zone : fixedZone('', offset));
  return checkedTimestamp(precision === undefined ? instant : roundTimestamp(instant, precision));
}

/** Days since 1970. @throws as `parseTimestampBy`. */
export function parseDateBy(text: string, template: string): number {
  return dateOfRead(text, readBy(text, dateTemplate(template)));
}

function dateOfRead(text: string, { days, year }: ReadTime): number {
  // From 4714-11-24 BC on, as far as days have numbers.
  if (days < -JULIAN_EPOCH || year > 5_874_897) {
    throw new SqlError('datetime_field_overflow', `date out of range: "${text}"`);
  }
  return days;
}

/** What a template says that a text is. */
export interface PointInTime {
  readonly type: 'date' | 'time' | 'timetz' | 'timestamp' | 'timestamptz';
  readonly value: Exclude<SqlValue, null>;
  /** Seconds ahead of UTC, of a type with a zone. */
  readonly offset: number | undefined;
}

const CLOCK_FIELD = /^(?:A\.M\.|P\.M\.|AM|PM|HH.*|MI|SS.*|MS|US|FF\d)$/;

/** A point in time whose type follows from the template, which the text has to match exactly. @throws as `parseTimestampBy`. */
export function readStrictly(text: string, nodes: readonly TemplateNode[]): PointInTime {
  const ids = nodes.flatMap((node) => (node.kind === 'field' && node.keyword.id !== 'FX' ? [node.keyword.id] : []));
  const isZoned = ids.some((id) => id === 'TZH' || id === 'TZM' || id === 'TZ' || id === 'OF');
  const isTimed = ids.some((id) => CLOCK_FIELD.test(id));
  const isDated = ids.some((id) => !CLOCK_FIELD.test(id) && !id.startsWith('TZ') && id !== 'OF');
  const read = readBy(text, nodes, true);
  const { precision = 6, offset = 0 } = read;
  if (isDated && isTimed) {
    const local = joinLocal(read.days, read.micros);
    const type = isZoned ? 'timestamptz' : 'timestamp';
    if (!isTimestamp(local)) throw new SqlError('datetime_field_overflow', `${type} out of range`);
    if (!isZoned) return { type, value: roundTimestamp(local, precision), offset: undefined };
    const instant = checkedTimestamp(local - BigInt(offset) * 1_000_000n);
    return { type, value: roundTimestamp(instant, precision), offset };
  }
  if (isDated) {
    if (isZoned) throw invalid('datetime format is zoned but not timed');
    return { type: 'date', value: dateOfRead(text, read), offset: undefined };
  }
  if (!isTimed) throw invalid('datetime format is not dated and not timed');
  const clock = Number(roundMicros(BigInt(read.micros), precision));
  if (isZoned) return { type: 'timetz', value: new TimeTz(clock, offset), offset };
  return { type: 'time', value: clock, offset: undefined };
}
