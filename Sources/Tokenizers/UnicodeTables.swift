/// Unicode data as the reference has it; numbers in base 36.
///
/// Written by Tests/Golden/Tokenizers/unicode.py from `tokenizers` 0.23.3; don't edit.
enum UnicodeTables {
  /// The names of the scripts, in the order of their numbers from 1 on.
  static let scriptNames: StaticString = """
    Latin Greek Cyrillic Armenian Hebrew Arabic Syriac Thaana Devanagari Bengali Gurmukhi Gujarati Oriya Tamil T\
    elugu Kannada Malayalam Sinhala Thai Lao Tibetan Myanmar Georgian Hangul Ethiopic Cherokee Khmer Mongolian H\
    iragana Katakana Bopomofo Han Yi Common Inherited
    """

  /// The general category by Oniguruma: the lengths of runs, each with a letter for its category.
  static let categories: StaticString = """
    w!1X3S1U3S1O1P1S1T1S1N2SaJ2S3T2SqB1O1S1P1V1M1VqC1O1T1P1Tx!1X1S4U1W1S1V1W1F1Q1T1#1W1V1W1T2L1V1C2S1V1L1F1R3L1S\
    nB1T7BoC1T8C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C\
    1B1C1B1C1B1C1B2C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B2C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C\
    1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C2B1C1B1C1B3C2B1C1B1C2B1C3B2C4B1C2B1C3B3C2B1C2B1C1B1C1B1C2B1C1B2C1B1C2B1C3B1C\
    1B1C2B2C1F1B3C4F1B1D1C1B1D1C1B1D1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B2C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B2C1B1D1C\
    1B1C3B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C\
    1B1C1B1C1B1C1B7C2B1C2B2C1B1C4B1C1B1C1B1C1B1C1B1xC1FrCiE4VcEeV5E7V1E1V1EhV34G1B1C1B1C1E1V1B1C2A1E3C1S1B4A2V1B\
    1S3B1A1B1A2B1ChB1A9BzC1B2C3B3C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B5C1B1C1T1B1C2B2C1fB1cC1B1C1B1C1B\
    1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1W5G2I1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C\
    1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C2B1C1B1C1B1C1B1C1B1C1B1C1B2C1B1C1B1C1B1C1B1C\
    1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C\
    1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1A12B2A1E6S15C1S1N2A2W1U1A19G1N1G1S2G1S2G\
    1S1G8ArF4A4F2SbA6#3T2S1U2S2WbG1S1#3SwF1EaFlGaJ4S2F1G2rF1S1F7G1#1W6G2E2G1W4G2FaJ3F2W1FeS1A1#1F1GuFrG2A2hFbG1F\
    eAaJxF9G2E1W3S1E2A1G2UmF4G1E9G1E3G1E5G2AfS1ApF3G2A1S1AbF5AoF1V6F1A2#5A9G15F1EoG1#wG1H1iF1G1H1G1F3H8G4H1G2H1F\
    7GaF2G2SaJ1S1EfF1G2H1A8F2A2F2AmF1A7F1A1F3A4F2A1G1F3H4G2A2H2A2H1G1F8A1H4A2F1A3F2G2AaJ2F2U6L1W1U1F1S1G2A2G1H1A\
    6F4A2F2AmF1A7F1A2F1A2F1A2F2A1G1A3H2G4A2G2A3G3A1G7A4F1A1F7AaJ2G3F1G1SaA2G1H1A9F1A3F1AmF1A7F1A2F1A5F2A1G1F3H5G\
    1A2G1H1A2H1G2A1FfA2F2G2AaJ1S1U7A1F6G1A1G2H1A8F2A2F2AmF1A7F1A2F1A5F2A1G1F1H1G1H4G2A2H2A2H1G7A2G1H4A2F1A3F2G2A\
    aJ1W1F6LaA1G1F1A6F3A3F1A4F3A2F1A1F1A2F3A2F3A3F3AcF4A2H1G2H3A3H1A3H1G2A1F6A1HeAaJ3L6W1U1W5A1G3H1G8F1A3F1AnF1A\
    gF2A1G1F3G4H1A3G1A4G7A2G1A3F2A1F2A2F2G2AaJ7A1S7L1W1F1G2H1S8F1A3F1AnF1AaF1A5F2A1G1F1H1G5H1A1G2H1A2H2G7A2H6A2F\
    1A2F2G2AaJ1A2F1HcA2G2H9F1A3F1A15F2G1F3H4G1A3H1A3H1G1F1W4A3F1H7L3F2G2AaJ9L1W6F1A1G2H1AiF3AoF1A9F1A1F2A7F3A1G4A\
    3H3G1A1G1A8H6AaJ2A2H1ScA1cF1G2F7G4A1U6F1E8G1SaJ2S11A2F1A1F1A5F1AoF1A1F1AaF1G2F9G1F2A5F1A1E1A7G1AaJ2A4FwA1F3W\
    fS1W1S3W2G6WaJaL1W1G1W1G1W1G1O1P1O1P2H8F1A10F4AeG1H5G1S2G5FbG1A10G1A8W1G6W1A2W5S4W2S11A17F2H4G1H6G1H2G2H2G1F\
    aJ6S6F2H2G4F3G1F3H2F7H3F4GdF1G2H2G6H1G1F1HaJ3H1G2W12B1A1B5A1B2A17C1S1E3C95F1A4F2A7F1A1F1A4F2A15F1A4F2AxF1A4F\
    2A7F1A1F1A4F2AfF1A1lF1A4F2A1vF2A3G9SkL3AgFaW6A2eB2A6C2A1Nh8F1W1ShF1XqF1O1P3A23F3S3K8F7AiF3G1H9AjF2G1H2S9AiF2G\
    cAdF1A3F1A2GcA1gF2G1H7G8H1G2HbG3S1E3S1U1F1G2AaJ6AaL6A6S1N4S3G1#1GaJ6AzF1E1hF7A5F2GyF1G1F5A1yFaAvF1A3G4H2G3H4A\
    2H1G6H3G4A1W3A2SaJuF2A5FbA18F4AqF6AaJ1L3AyWnF2G2H1G2A2S1hF1H1G1H7G1A1G1H1G2H8G6HaG2A1GaJ6AaJ6A7S1E6S2AeG1IgG\
    1dA4G1H1bF1G1H5G1H1G5H1G2H8F1A2SaJ7SaW9G9W3S2G1HuF1H4G2H2G1H3G2FaJ18F1G1H2G3H1G1H3G2H8A4S10F8H8G2H2G3A5SaJ3A\
    3FaJuF6E2S9C1B1C5A17B2A3B8S8A3G1SdG1H7G4F1G6F1G2F1H2G1F5A18C1rEdC1EyC11E1sG1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B\
    1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B\
    1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B\
    1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B9C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B\
    1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B\
    1C1B1C1B1C1B1C1B1C1B1C1B1C1B9C8B6C2A6B2A8C8B8C8B6C2A6B2A8C1A1B1A1B1A1B1A1B8C8BeC2A8C8D8C8D8C8D5C1A2C4B1D1V1C\
    3V3C1A2C4B1D3V4C2A2C4B1A3V8C5B3V2A3C1A2C4B1D2V1AbX5#6N2S1Q1R1O2Q1R1O1Q8S1Y1Z5#1X9S1Q1R4S2M3S1T1O1PbS1T1S1MaS\
    1X5#1Aa#1L1E2A6L3T1O1P1EaL3T1O1P1AdE3AxUfAdG4I1G3IcGfA2W1B4W1B2W1C3B2C3B1C1W1B2W1T5B6W1B1W1B1W1B1W4B1W1C4B1C\
    4F1C2W2C2B5T1B4C1W1T2W1C1WgLzK1B1C4K1L2W4A5T5W2T4W1T2W1T2W1T7W1TvW2T2W1T1W1TvW7gT8W1O1P1O1PkW2T7W1O1P29W1TuW\
    pT14W6T20WmAbWlA1oL26WmL53W1T9W1T1iW8T33W1T6wW1O1P1O1P1O1P1O1P1O1P1O1P1O1PuL18W5T1O1PvT1O1P1O1P1O1P1O1P1O1PgT\
    74W3nT1O1P1O1P1O1P1O1P1O1P1O1P1O1P1O1P1O1P1O1P1O1P1rT1O1P1O1PwT1O1P76T1cWlT2W6T13W2AwW1A2xW1cB1cC1B1C3B2C1B1C\
    1B1C1B1C4B1C1B2C1B6C2E3B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B\
    1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B\
    1C1B2C6W1B1C1B1C3G1B1C5A4S1L2S12C1A1C5A1C2A1kF7A1E1SeA1GnF9A7F1A7F1A7F1A7F1A7F1A7F1A7F1A7F1AwG2S1Q1R1Q1R3S1Q\
    1R1S1Q1R9S1N2S1N1S1Q1R2S1Q1R1O1P1O1P1O1P1O1P5S1EaS2N4S1N1S1OdS2W3S1O1P1O1P1O1P1O1P1NyAqW1A2hWcA5yWqAgW1X3S1W\
    1E1F1K1O1P1O1P1O1P1O1P1O1P2W1O1P1O1P1O1P1O1P1N1O2P1W9K4G2H1N5E2W3K1E1F1S2W1A2eF2A2G2V2E1F1N2iF1S3E1F5A17F1A2mF\
    1A2W4LaWwF12W9A1WgFvW1AaLuW8L1WfLwWaL13WfL8wW534F1sWg7pF1EvrF3A1jW9A14F6E2S7gF1E3SgFaJ2FkA1B1C1B1C1B1C1B1C1B\
    1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1F1G3I1SaG1S1E1B1C1B1C1B1C1B1C1B1C\
    1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C2E2G1yFaK2G6S8AnV9E2V1B1C1B1C1B1C1B1C1B1C1B1C1B3C1B1C1B1C1B1C1B1C1B1C1B1C\
    1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1E8C1B1C\
    1B1C2B1C1B1C1B1C1B1C1B1C1E2V1B1C1B1C1F1B1C1B3C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C1B1C5B1C5B1C1B1C1B1C1B1C1B\
    1C1B1C1B1C1B1C4B1C1B1C2B1C2A1B1C1A1C1A1C1B1C1B1C1B1C1BlA3E1B1C1F2E1C7F1G3F1G4F1GnF2H2G1H4W1G3A6L2W1U1W6A1gF4S\
    8A2H1eFgH2G8A2SaJ6AiG6F3S1F1S2F1GaJsF8G2SnFbG2HbA1StF3A3G1H1bF1G2H4G2H2G3HdS1A1EaJ4A2S5F1G1E9FaJ5F1A15F6G2H2G\
    2H2G9A3F1G8F1G1H2AaJ2A4SgF1E6F3W1F1H1G1H1eF1G1F3G2F2G5F2G1F1G1FoA2F1E2SbF1H2G2H2S1F2E1H1GaA6F2A6F2A6F9A7F1A7F\
    1A17C1V4E9C1E2V4A28CzF2H1G2H1G2H1S1H1G2AaJ6A8mcFcAnF4A1dF1l0A4xs$a6F2A2yF12A7CcA5C5A1F1GaF1TdF1A5F1A1F1A2F1A\
    2F1A30FhVgAa3F1P1OgW1sF2A1iF7A1WwAcF1U3WgG7S1O1P1S6AgG1S2N2M1O1P1O1P1O1P1O1P1O1P1O1P1O1P1O1P2S1O1P4S3M3S1A4S\
    1N1O1P1O1P1O1P3S1T1N3T1A1S1U2S4A5F1A3rF2A1#1A3S1U3S1O1P1S1T1S1N2SaJ2S3T2SqB1O1S1P1V1M1VqC1O1T1P1T1O1P1S1O1P2S\
    aF1E19F2EvF3A6F2A6F2A6F2A3F3A2U1T1V1W2U1A1W4T2WaA3#2W2AcF1AqF1AjF1A2F1AfF2AeFyA3fF5A3S4A19L3A9W1hK4LhW2L3W1A\
    dW3A1W1bA19W1G3mAtF3A1dFfA1GrL4AwF4L9AkF1K8F1K5A12F5G5AuF1A1S10F4A8F1S5K16A14B14C26F2AaJ6A10B4A10C4A14F8A1gF\
    bA1SbB1AfB1A7B1A2B1AbC1AfC1A7C1A2C3A1gFcA8nF9AmFaA8FoA6E1A16E1A9E1xA6F2A1F1A18F1A2F3A1F2AnF1A1S8LnF2W7LvF8A9L\
    1cAjF1A2F5A5LmF6L3A1SqF5A1S1sA1kF4A2L2FgL2A1aL1F3G1A2G5A4G4F1A3F1AtF2A3G4A1G9L7A9S7AtF2L1StF3LwA8F1WsF2G4A5L\
    7S9A1iF3A7SmF2A8LjF5A8LiF7A4ScA7L28A21F1jA1fBdA1fC7A6L10F4G8AaJ6AaJ4F1E1FmB3A5G1N1EmC8A2T5sAvL1A16F1A2G1N2A2F\
    gA3F1jA4GtFaL1F8AmFbG4L5SmAiF4G4S12AlF7LkAnF9A1H1G1H1hFfG7S4AkLaJ1G2F2G1F9A3G1H19F3H4G2H2G2S1#4S1GaA1#2ApF7A\
    aJ6A3G10F5G1H8G1AaJ4S1F2H1F8AzF1G2S1F9A2G1H1cF3H9G2H4F4S4G1S1H1GaJ1F1S1F3S1AkLbAiF1ApF3H3G2H1G1H2G6S1G2F1G1qA\
    7F1A1F1A4F1AfF1AaF1S6A1bF1G3H8G5AaJ6A2G2H1A8F2A2F2AmF1A7F1A2F1A5F1A2G1F2H1G4H2A2H2A3H2A1F6A1H5A5F2H2A7G3A5GbA\
    aF1A1F2A1F1A12F1A1F3H6G1A1H2A1H1A4H1A2H1G1H1G1F1G1F2S1A2S8A2GtA1hF3H8G2H3G1H1G4F5SaJ2S1A1S1G3FuA1cF3H6G1H1G4H\
    2G1H2G2F1S1F8AaJ4mA1bF3H4G2A4H2G1H2GnS4F2GyA1cF3H8G2H1G1H2G3S1FbAaJ6AdSjA17F1G1H1G2H6G1H1G1F1S6AaJ6AkJsArF2A\
    1G1H1G2H4G1H5G4AaJ2L3S1W7F55A18F3H9G1H2G1S2sAwBwCaJ9LcA8F2A1F2A8F1A2F1AoF6H1A2H2A2G1H1G1F1H1F1H1G3S9AaJ1yA8F\
    2A13F3H4G2A2G4H1G1F1S1F1HrA1FaG14F6G1H1F4G8S1G8A1F6G2H3G1aFdG1H2G3S1F5SdA21F7AaS52AxF1SeAaJ6A9F1A11F1H7G1A6G\
    1H1G1F5SaAaJjL3A2SuF2AmG1A1H7G1H2G1H2G21A7F1A2F1A12F6G3A1G1A2G1A7G1F1G8AaJ6A6F1A2F1AwF5H1A2G1A2H1G1H1G1F7AaJ\
    8mAjF2G2H2S7A2G1F1HdF1AyF2H5G3A2H1G1H1GdSaJ1G2dA1FfAlL8W4UhWdA1SpmF2uA33K1A5SbA5gF218A2pF2SdAtsFg#1G6FfGaA32zF\
    5Ag7F5a1AuFcG3H3GaJ1c6AftF7AvF1AaJ4A2S27F1AaJ6AuF2A5G1SaA1cF7G5S4W4E1S1WaAaJ1A7L1AlF5AjFc0A3E14F2E3SaJ5iAwBwC\
    nL4S2tA23F4A1G1F1jH7A4GdE1sA2E1S1E1GbA2HeA4qgF8AyeF15AaF6w7A4E1A7E1A2E1A83FfA1FtA3F2A1FeA4F8Ab0F1s4A2zF5AdF3A\
    9F7AaF2A1W2G1S4#318A6oWaJ6Ac4W24A1aG2AnG9A38W1oA6uWaA13W2A1oW2H3G3W6H8#8G2W7GuW4G1pWlA1uW3G1W3eAkLcAkLcA2fW9A\
    pL3rAqBqCqB7C1AiCqBqC1B1A2B2A1B2A2B2A4B1A8B4C1A1C1A7C1AbCqBqC2B1A4B2A8B1A7B1AqC2B1A4B1A5B1A1B3A7B1AqCqBqCqBqC\
    qBqCqBqCqBqCqBsC2ApB1TpC1T6CpB1TpC1T6CpB1TpC1T6CpB1TpC1T6CpB1TpC1T6C1B1C2A1eJe8W1jG4W1eG8W1GeW1G2W5SfA5G1AfG\
    uoAaC1FkC6A6C5xA7G1AhG2A7G1A2G1A5G5A1qExA1G34A19F3A7G7E2AaJ4A1F1W8wAuF1GhA18F4GaJ5A1UcwArF1E4GaJ5yAuF2G1FaJ4A\
    1SdcA7F1A4F1A2F1AfF1A5hF2A9L7G15AyByC7G1E4AaJ4A2SltA1nL1W3L1U4L24A19L1WfL5eA4F1ArF1A2F1A1F2A1F1AaF1A4F1A1F1A\
    1F6A1F4A1F1A1F1A1F1A3F1A2F1A1F2A1F1A1F1A1F1A1F1A1F1A2F1A1F2A4F1A7F1A4F1A4F1A1F1AaF1AhF5A3F1A5F1AhF1gA2T7iA18W\
    4A2sWcAfW2AfW1AfW1A11WaAdL4hW1kAtWdA18W4A9W7A2WeA6W4aA6zW5Vk8W4AhW3AdW3A3bW4A2nW6AcW4A1WfAcW4A1kW8AaW6A14W8A\
    uW2AcW4A2W1qA9gWcAeW2AdW3AaW5A1kW7AfW2AbW6A9W7A43W1A2kWaJsmAwyoFwA37eF6A66F2A4g2FeA5rlFfAhaF1wiAf2F15uA3t7F5A\
    38gFf975A1#uA2o#3kA6oG1e6oA1eke$2A1eke$2A
    """

  /// The script by Oniguruma: pairs of a run's length and a script's number.
  static let scripts: StaticString = """
    1t y q 1 6 y q 1 1b y 1 1 f y 1 1 5 y n 1 1 y v 1 1 y ch 1 13 y 5 1 5 y 2 v k y 34 z 4 2 1 y 3 2 2 0 4 2 1 y \
    1 2 4 0 1 2 1 y 1 2 1 y 3 2 1 0 1 2 1 0 k 2 1 0 1r 2 e 0 g 2 3p 3 2 z 4p 3 1 0 12 4 2 0 1e 4 2 0 3 4 1 0 1j \
    5 8 0 r 5 4 0 6 5 b 0 5 6 1 y 6 6 1 y e 6 1 y 3 6 1 y w 6 1 y a 6 b z q 6 1 z 30 6 1 y y 6 e 7 1 0 1o 7 2 0 \
    3 7 1c 6 1e 8 4u 0 b 7 5 0 v 6 1 0 2 6 5 0 23 6 1 y t 6 29 9 4 z f 9 2 y q 9 4 a 1 0 8 a 2 0 2 a 2 0 m a 1 0 \
    7 a 1 0 1 a 3 0 4 a 2 0 9 a 2 0 2 a 2 0 4 a 8 0 1 a 4 0 2 a 1 0 5 a 2 0 p a 2 0 3 b 1 0 6 b 4 0 2 b 2 0 m b \
    1 0 7 b 1 0 2 b 1 0 2 b 1 0 2 b 2 0 1 b 1 0 5 b 4 0 2 b 2 0 3 b 3 0 1 b 7 0 4 b 1 0 1 b 7 0 h b a 0 3 c 1 0 \
    9 c 1 0 3 c 1 0 m c 1 0 7 c 1 0 2 c 1 0 5 c 2 0 a c 1 0 3 c 1 0 3 c 2 0 1 c f 0 4 c 2 0 c c 7 0 7 c 1 0 3 d \
    1 0 8 d 2 0 2 d 2 0 m d 1 0 7 d 1 0 2 d 1 0 5 d 2 0 9 d 2 0 2 d 2 0 3 d 7 0 3 d 4 0 2 d 1 0 5 d 2 0 i d a 0 \
    2 e 1 0 6 e 3 0 3 e 1 0 4 e 3 0 2 e 1 0 1 e 1 0 2 e 3 0 2 e 3 0 3 e 3 0 c e 4 0 5 e 3 0 3 e 1 0 4 e 2 0 1 e \
    6 0 1 e e 0 l e 5 0 d f 1 0 3 f 1 0 n f 1 0 g f 2 0 9 f 1 0 3 f 1 0 4 f 7 0 2 f 1 0 3 f 2 0 1 f 2 0 4 f 2 0 \
    a f 7 0 9 f d g 1 0 3 g 1 0 n g 1 0 a g 1 0 5 g 2 0 9 g 1 0 3 g 1 0 4 g 7 0 2 g 6 0 2 g 1 0 4 g 2 0 a g 1 0 \
    3 g c 0 d h 1 0 3 h 1 0 1f h 1 0 3 h 1 0 6 h 4 0 g h 2 0 q h 1 0 3 i 1 0 i i 3 0 o i 1 0 9 i 1 0 1 i 2 0 7 i \
    3 0 1 i 4 0 6 i 1 0 1 i 1 0 8 i 6 0 a i 2 0 3 i c 0 1m j 4 0 1 y s j 11 0 2 k 1 0 1 k 1 0 5 k 1 0 o k 1 0 1 \
    k 1 0 n k 2 0 5 k 1 0 1 k 1 0 7 k 1 0 a k 2 0 4 k w 0 20 l 1 0 10 l 4 0 13 l 1 0 10 l 1 0 f l 1 0 7 l 4 y 2 \
    l 11 0 4g m 12 n 1 0 1 n 5 0 1 n 2 0 17 n 1 y 4 n 74 o 21 p 1 0 4 p 2 0 7 p 1 0 1 p 1 0 4 p 2 0 15 p 1 0 4 p \
    2 0 x p 1 0 4 p 2 0 7 p 1 0 1 p 1 0 4 p 2 0 f p 1 0 1l p 1 0 4 p 2 0 1v p 2 0 w p 3 0 q p 6 0 2e q 2 0 6 q kt \
    0 3 y 1z 0 2 y 21 0 2m r 2 0 a r 6 0 a r 6 0 2 s 2 y 1 s 1 y k s 6 0 2h s 7 0 17 s 8l 0 w r 4w 0 v z c1 0 b \
    3 5 0 17 n 2 0 3 n g 0 3 z 1 y d z 1 y 7 z 4 y 1 z 6 y 1 z 3 y 2 z 1 y 5 0 12 1 5 2 1 3 1d 1 5 2 4 1 5 2 d 1 \
    1 3 1y 1 1 2 1s z 74 1 m 2 2 0 6 2 2 0 12 2 2 0 6 2 2 0 8 2 1 0 1 2 1 0 1 2 1 0 1 2 1 0 v 2 2 0 1h 2 1 0 f 2 \
    1 0 e 2 2 0 6 2 1 0 j 2 2 0 3 2 1 0 9 2 1 0 c y 2 z 2f y 1 0 b y 1 1 2 0 b y 1 1 f y 1 0 d 1 3 0 x y f 0 x z \
    f 0 12 y 1 2 3 y 2 1 6 y 1 1 r y 1 1 h y 15 1 3 y 4 0 ii y m 0 b y l 0 ps y 74 0 hg y 2 0 w y 1 0 2x y 2o 0 \
    w 1 3k 0 12 n 1 0 1 n 5 0 1 n 2a 0 n p 9 0 7 p 1 0 7 p 1 0 7 p 1 0 7 p 1 0 7 p 1 0 7 p 1 0 7 p 1 0 7 p 1 0 w \
    3 2m y y 0 q w 1 0 2h w c 0 5y w q 0 l y 1 w 1 y 1 w p y 9 w 4 z 2 o 8 y 4 w 4 y 1 0 2e t 2 0 2 z 2 y 3 t 1 \
    y 2i u 2 y 3 u 5 0 17 v 1 0 2m o 1 0 g y w v 12 y 9 0 1 y g u v o 1 0 1s y v o 29 y 1b u 1 y 2g u 4o y 534 w \
    1s y g74 w wd x 3 0 1j x ah 0 2o 3 2o 0 y y 2u 1 3 y 1v 1 2 0 2 1 1 0 1 1 1 0 8 1 l 0 e 1 1c 0 a y 4m 0 w 9 \
    1a 0 1 y 1d 0 t o 2a 0 1 y g 0 v m 2p 0 w m 3l 0 6 p 2 0 6 p 2 0 6 p 9 0 7 p 1 0 7 p 1 0 17 1 1 y 9 1 1 2 4 \
    1 2 y 4 0 28 q 1s 0 8mc o c 0 n o 4 0 1d o 6is 0 a6 w 2 0 2y w 12 0 7 1 c 0 5 4 5 0 q 5 1 0 5 5 1 0 1 5 1 0 \
    2 5 1 0 2 5 1 0 a 5 37 6 g 0 a3 6 2 y 28 6 2 0 1i 6 7 0 1 6 w 0 g 6 g z a y 6 0 e z 2 3 z y 1 0 j y 1 0 4 y \
    4 0 5 6 1 0 3r 6 2 0 1 y 1 0 w y q 1 6 y q 1 b y a u 1 y 19 u 2 y v o 3 0 6 o 2 0 6 o 2 0 6 o 2 0 3 o 3 0 7 \
    y 1 0 7 y a 0 5 y 76 0 3 y 4 0 19 y 3 0 9 y 27 2 1 0 d y 3 0 1 2 1b 0 19 y 1 z 6a 0 1 z r y w4 0 6 1 1 0 16 \
    1 1 0 9 1 1b9 0 v 6 1v 0 3 6 1j 0 4 6 kh 0 k i 92 0 1 z mc 0 d s 2r 0 k m t8 0 a 9 xi 0 1e e d 0 1 e fs2 0 2 \
    w c 0 2 w cn2 0 4 u 1 0 7 u 1 0 2 u 1 0 1 u 7z t 3 u f 0 1 t t 0 3 t 2 0 1 u e 0 4 u 27s 0 4 y 318 0 6y y 6 \
    0 c4 y 24 0 1a z 2 0 n z 9 0 38 y 1o 0 6u y a 0 13 y 2 0 1q y 3 z h y 8 z 2 y 7 z u y 4 z 1p y l 0 1y 2 3e 0 \
    k y c 0 k y c 0 2f y 9 0 p y 3r 0 2d y 1 0 1z y 1 0 2 y 2 0 1 y 2 0 2 y 2 0 4 y 1 0 c y 1 0 1 y 1 0 7 y 1 0 \
    1t y 1 0 4 y 2 0 8 y 1 0 7 y 1 0 s y 1 0 4 y 1 0 5 y 1 0 1 y 3 0 7 y 1 0 9g y 2 0 84 y 2 0 1e y 1ds 0 v 1 6 \
    0 6 1 79 0 1q 3 x 0 1 3 1g0 0 7 p 1 0 4 p 1 0 2 p 1 0 f p vm 0 1w y 24 0 1p y 5e 0 4 6 1 0 r 6 1 0 2 6 1 0 1 \
    6 2 0 1 6 1 0 a 6 1 0 4 6 1 0 1 6 1 0 1 6 6 0 1 6 4 0 1 6 1 0 1 6 1 0 1 6 1 0 3 6 1 0 2 6 1 0 1 6 2 0 1 6 1 \
    0 1 6 1 0 1 6 1 0 1 6 1 0 1 6 1 0 2 6 1 0 1 6 2 0 4 6 1 0 7 6 1 0 4 6 1 0 4 6 1 0 1 6 1 0 a 6 1 0 h 6 5 0 3 \
    6 1 0 5 6 1 0 h 6 1g 0 2 6 7i 0 18 y 4 0 2s y c 0 f y 2 0 f y 1 0 f y 1 0 11 y a 0 4u y 1k 0 q y 1 t 2 y d 0 \
    18 y 4 0 9 y 7 0 2 y e 0 6 y 4a 0 rc y 4 0 h y 3 0 d y 3 0 3b y 4 0 2n y 6 0 c y 4 0 1 y f 0 c y 4 0 1k y 8 \
    0 a y 6 0 14 y 8 0 u y 2 0 c y 4 0 2 y 1q 0 9g y c 0 e y 2 0 d y 3 0 a y 5 0 1k y 7 0 f y 2 0 b y 6 0 9 y 7 \
    0 43 y 1 0 2u y sm 0 wyo w w 0 37e w 6 0 66 w 2 0 4g2 w e 0 5rl w f 0 ha w 1wi 0 f2 w 15u 0 3t7 w 5 0 38g w \
    f975 0 1 y u 0 2o y 3k 0 6o z 47bk 0
    """

  /// What UnicodeScripts takes for the same script; 0 goes with any.
  static let scriptRuns: StaticString = """
    w 1 1 0 w 1 q 2 6 1 q 2 1b 1 1 2 f 1 1 2 5 1 n 2 1 1 v 2 1 1 ch 2 13 1 5 2 5 1 2 3 k 1 34 4 4 5 1 1 3 5 2 0 \
    4 5 1 1 1 5 4 0 1 5 1 1 1 5 1 1 3 5 1 0 1 5 1 0 k 5 1 0 1r 5 e 6 g 5 3p 7 2 4 4p 7 1 0 12 8 2 0 7 8 1 0 13 8 \
    1 0 1 1 1 8 2 0 3 8 1 0 1j 9 8 0 r 9 5 0 5 9 b 0 5 a 1 1 6 a 1 1 e a 2 1 1 0 1 a 1 1 w a 1 1 a a b 4 q a 1 4 \
    30 a 1 1 y a e b 1 0 1o b 2 0 3 b 1c a 1e c e 0 1n d 5 0 1a e 2 0 f e 1 0 s f 2 0 1 f 1t 0 l a 1 0 8 a m 0 e \
    a 1 1 t a 29 g 2 4 h g 2 1 q g 4 h 1 0 8 h 2 0 2 h 2 0 m h 1 0 7 h 1 0 1 h 3 0 4 h 2 0 9 h 2 0 2 h 2 0 4 h 8 \
    0 1 h 4 0 2 h 1 0 5 h 2 0 m h 5 0 3 i 1 0 6 i 4 0 2 i 2 0 m i 1 0 7 i 1 0 2 i 1 0 2 i 1 0 2 i 2 0 1 i 1 0 5 \
    i 4 0 2 i 2 0 3 i 3 0 1 i 7 0 4 i 1 0 1 i 7 0 g i b 0 3 j 1 0 9 j 1 0 3 j 1 0 m j 1 0 7 j 1 0 2 j 1 0 5 j 2 \
    0 a j 1 0 3 j 1 0 3 j 2 0 1 j f 0 4 j 2 0 c j 7 0 1 j 7 0 3 k 1 0 8 k 2 0 2 k 2 0 m k 1 0 7 k 1 0 2 k 1 0 5 \
    k 2 0 9 k 2 0 2 k 2 0 3 k 8 0 2 k 4 0 2 k 1 0 5 k 2 0 i k a 0 2 l 1 0 6 l 3 0 3 l 1 0 4 l 3 0 2 l 1 0 1 l 1 \
    0 2 l 3 0 2 l 3 0 3 l 3 0 c l 4 0 5 l 3 0 3 l 1 0 4 l 2 0 1 l 6 0 1 l e 0 l l 5 0 4 m 1 0 8 m 1 0 3 m 1 0 n \
    m 1 0 g m 3 0 8 m 1 0 3 m 1 0 4 m 7 0 2 m 1 0 3 m 5 0 4 m 2 0 a m 8 0 8 m 4 n 1 0 8 n 1 0 3 n 1 0 n n 1 0 a \
    n 1 0 5 n 2 0 9 n 1 0 3 n 1 0 4 n 7 0 2 n 7 0 1 n 1 0 4 n 2 0 a n 1 0 2 n e 0 3 o 1 0 8 o 1 0 3 o 1 0 15 o 2 \
    0 8 o 1 0 3 o 1 0 6 o 4 0 g o 2 0 q o 2 0 2 p 1 0 i p 3 0 o p 1 0 9 p 1 0 1 p 2 0 7 p 3 0 1 p 4 0 6 p 1 0 1 \
    p 1 0 8 p 6 0 a p 2 0 3 p c 0 1m q 4 0 1 1 s q 11 0 2 r 1 0 1 r 2 0 2 r 1 0 1 r 2 0 1 r 6 0 4 r 1 0 7 r 1 0 \
    3 r 1 0 1 r 1 0 1 r 2 0 2 r 1 0 d r 1 0 3 r 2 0 5 r 1 0 1 r 1 0 6 r 2 0 a r 2 0 4 r w 0 20 s 1 0 10 s 4 0 13 \
    s 1 0 10 s 1 0 f s 1 0 7 s 4 1 2 s 11 0 4g t 12 u 1 0 1 u 5 0 1 u 2 0 17 u 1 1 4 u 74 v 21 w 1 0 4 w 2 0 7 w \
    1 0 1 w 1 0 4 w 2 0 15 w 1 0 4 w 2 0 x w 1 0 4 w 2 0 7 w 1 0 1 w 1 0 4 w 2 0 f w 1 0 1l w 1 0 4 w 2 0 1v w 2 \
    0 w w 3 0 q w 6 0 2e x 2 0 6 x 2 0 hs y t z 3 0 23 10 3 1 b 10 7 0 d 11 1 0 7 11 b 0 l 12 2 1 9 0 k 13 c 0 d \
    14 1 0 3 14 1 0 2 14 c 0 2m 15 2 0 a 15 6 0 a 15 6 0 2 16 2 1 1 16 1 1 9 16 1 0 a 16 6 0 2g 16 8 0 17 16 5 0 \
    1y y a 0 v 17 1 0 c 17 4 0 c 17 4 0 1 17 3 0 c 17 u 18 2 0 5 18 b 0 18 19 4 0 q 19 6 0 b 19 3 0 2 19 w 15 s \
    1a 2 0 2 1a 1r 1b 1 0 t 1b 2 0 b 1b 6 0 a 1b 6 0 e 1b 2 0 f 4 1t 0 24 1c 4 0 19 1c 3 0 1s 1d 1g 1e 8 0 4 1e \
    1k 1f 3 0 f 1f 3 0 3 1f 1c 1g 9 7 1j 0 8 1d 8 0 3 4 1 1 d 4 1 1 7 4 4 1 1 4 6 1 1 4 2 1 1 0 2 4 6 0 12 2 5 5 \
    1 7 1d 2 5 5 4 2 5 5 d 2 1 7 1y 2 1 5 1i 4 5 0 5 4 74 2 m 5 2 0 6 5 2 0 12 5 2 0 6 5 2 0 8 5 1 0 1 5 1 0 1 5 \
    1 0 1 5 1 0 v 5 2 0 1h 5 1 0 f 5 1 0 e 5 2 0 6 5 1 0 j 5 2 0 3 5 1 0 9 5 1 0 c 1 2 4 2f 1 1 0 b 1 1 2 2 0 b \
    1 1 2 f 1 1 0 d 2 3 0 v 1 h 0 x 4 f 0 12 1 1 5 3 1 2 2 6 1 1 2 r 1 1 2 h 1 15 2 3 1 4 0 hb 1 1 0 13 1 p 0 b \
    1 l 0 ps 1 74 1h hg 1 2 0 w 1 2 0 y 1 3 0 c 1 1 0 8 1 q 0 4 1 g 0 1b 1i 1 0 1b 1i 1 0 w 2 38 6 5 0 7 6 12 u \
    1 0 1 u 5 0 1 u 2 0 1k 1j 7 0 2 1j e 0 1 1j n w 9 0 7 w 1 0 7 w 1 0 7 w 1 0 7 w 1 0 7 w 1 0 7 w 1 0 7 w 1 0 \
    7 w 1 0 w 7 1x 1 1n 0 q 1k 1 0 2h 1k c 0 5y 1k q 0 c 1 4 0 5 1 1 1k 1 1 1 1k p 1 9 1k 4 4 2 v 8 1 4 1k 4 1 1 \
    0 2e 1k 2 0 2 4 2 1 3 1k 1 1 2i 1k 1 1 4 1k 5 0 15 3 3 0 2m v 1 0 g 1 r 3 5 0 10 1 c 0 g 1k v v 1 0 1s 1 v v \
    29 1 1b 1k 1 0 2g 1k 4o 1 52u 1k a 0 1s 1 g5y 1k 16 0 wd 1l 3 0 1j 1l 9 0 1c 1m 8c 1n k 0 2o 7 2g 1o 8 0 y 1 \
    2u 2 3 1 10 2 1 0 8 2 1r 0 9 2 18 1p 4 0 a 1 6 0 1k 1q 8 0 1y 1r 8 0 c 1r 6 0 u g 2 0 1a 1s 1 1 1 1s 10 1t b \
    0 1 1t t v 3 0 26 1u 1 0 1 1 a 1u 4 0 2 1u v t 1 0 1j 1v 9 0 e 1v 2 0 a 1v 2 0 4 1v w t 1v 1w o 0 5 1w n 1x \
    a 0 6 w 2 0 6 w 2 0 6 w 9 0 7 w 1 0 7 w 1 0 17 2 1 1 9 2 1 5 a 0 28 x 1a 1x 2 0 a 1x 6 0 8mc v c 0 n v 4 0 1d \
    v 6is 0 a6 1k 2 0 2y 1k 12 0 7 2 c 0 5 8 5 0 q 9 1 0 5 9 1 0 1 9 1 0 2 9 1 0 2 9 1 0 a 9 36 a h 0 a3 a 2 1 g \
    0 1s a 2 0 1i a 14 0 e a 2 0 g 4 a 1 6 0 e 4 2 7 z 1 1 0 j 1 1 0 4 1 4 0 5 a 1 0 3r a 2 0 1 1 1 0 w 1 q 2 6 \
    1 q 2 b 1 a 1k 1 1 19 1k 2 1 v v 3 0 6 v 2 0 6 v 2 0 6 v 2 0 3 v 3 0 7 1 1 0 7 1 a 0 5 1 2 0 c 1y 1 0 q 1y 1 \
    0 j 1y 1 0 2 1y 1 0 f 1y 2 0 e 1y y 0 3f 1y 5 0 3 1 4 0 19 1 3 0 9 1 27 5 1 0 c 1 4 0 1 5 1b 0 19 1 1 4 3m 0 \
    t 1z 3 0 1d 20 f 0 1 4 r 1 4 0 10 21 c 0 r 22 5 0 17 23 5 0 u 24 1 0 1 24 10 25 4 0 e 25 16 0 28 26 1c 27 u \
    28 2 0 a 28 6 0 10 29 4 0 10 29 4 0 14 2a 8 0 1g 2b b 0 1 2b 40 0 8n 2c 9 0 m 2c a 0 8 2c 48 0 6 2d 2 0 1 2d \
    1 0 18 2d 1 0 2 2d 3 0 1 2d 2 0 1 2d m 2e 1 0 9 2e w 2f v 2g 8 0 9 2g 1c 0 j 2h 1 0 2 2h 5 0 5 2h s 2i 3 0 1 \
    2i q 2j 5 0 1 2j 1s 0 w 2k o 2l 4 0 k 2l 2 0 1a 2l 4 2m 1 0 2 2m 5 0 8 2m 1 0 3 2m 1 0 r 2m 4 0 3 2m 4 0 9 2m \
    8 0 9 2m 7 0 w 2n w 2o w 0 13 2p 4 0 c 2p 9 0 1i 2q 3 0 7 2q m 2r 2 0 8 2r j 2s 5 0 8 2s i 2t 7 0 4 2t c 0 7 \
    2t 28 0 21 2u 1j 0 1f 2v d 0 1f 2v 7 0 6 2v 9s 0 v a ap 0 26 2w 4 0 u 2w f 0 1 2w 1u 2x e 0 p 2y 7 0 a 2y 6 \
    0 1h 2z 1 0 e 2z c 0 13 30 9 0 26 31 2 0 g 31 1 0 k p b 0 i 32 1 0 18 32 1t 0 7 33 1 0 1 33 1 0 4 33 1 0 f 33 \
    1 0 b 33 6 0 1n 34 5 0 a 34 6 0 4 35 1 0 8 35 2 0 2 35 2 0 m 35 1 0 7 35 1 0 2 35 1 0 5 35 2 0 9 35 2 0 2 35 \
    2 0 3 35 2 0 1 35 6 0 1 35 5 0 7 35 2 0 7 35 3 0 5 35 3v 0 2i 36 1 0 1 36 1 0 1 36 y 0 20 37 8 0 a 37 4m 0 1i \
    38 2 0 12 38 y 0 1x 39 b 0 a 39 6 0 d 16 j 0 1k 3a 8 0 a 3a 1i 0 q 3b 3 0 f 3b 4 0 g 3b 9s 0 2b 3c c 0 1 3c \
    cg 0 1l 3d 7b 0 9 3e 1 0 19 3e 1 0 e 3e a 0 t 3e 3 0 w 3f 2 0 m 3f 1 0 e 3f nd 0 pm 3g 2u 0 33 3g 1 0 5 3g b \
    0 5g 3g 24c 0 tr 3h 34h 0 g7 3i 6nt 0 ft 1o 7 0 v 3j 1 0 a 3j 4 0 2 3j 2o 0 u 3k 2 0 6 3k a 0 1y 3l a 0 a 3l \
    1 0 7 3l 1 0 l 3l 5 0 j 3l og 0 1x 3m b 0 1b 3m g 0 h 3m 1s 0 1 3n v 0 4q5 3n j 0 kz 3n 7bh 0 2 1k 2da 0 2z \
    3o 5 0 d 3o 3 0 9 3o 7 0 a 3o 2 0 4 3o 4 1 3to 0 6u 1 a 0 13 1 2 0 1q 1 3 4 h 1 8 4 2 1 7 4 u 1 4 4 1n 1 n 0 \
    1y 5 56 0 2f 1 9 0 i 1 3y 0 2d 1 1 0 1z 1 1 0 2 1 2 0 1 1 2 0 2 1 2 0 4 1 1 0 c 1 1 0 1 1 1 0 7 1 1 0 1t 1 1 \
    0 4 1 2 0 8 1 1 0 7 1 1 0 s 1 1 0 4 1 1 0 5 1 1 0 1 1 3 0 7 1 1 0 9g 1 2 0 84 1 2 0 1e 1 i4 3p f 0 5 3p 1 0 \
    f 3p 11s 0 7 1i 1 0 h 1i 2 0 7 1i 1 0 2 1i 1 0 5 1i 1jp 0 5h 3q 2 0 g 3q 15 0 23 3r 5 0 a 3r 4 0 2 3r ww 0 4 \
    a 1 0 r a 1 0 2 a 1 0 1 a 2 0 1 a 1 0 a a 1 0 4 a 1 0 1 a 1 0 1 a 6 0 1 a 4 0 1 a 1 0 1 a 1 0 1 a 1 0 3 a 1 \
    0 2 a 1 0 1 a 2 0 1 a 1 0 1 a 1 0 1 a 1 0 1 a 1 0 1 a 1 0 2 a 1 0 1 a 2 0 4 a 1 0 7 a 1 0 4 a 1 0 4 a 1 0 1 \
    a 1 0 a a 1 0 h a 5 0 3 a 1 0 5 a 1 0 h a 1g 0 2 a 7i 0 18 1 4 0 2s 1 c 0 f 1 2 0 f 1 1 0 f 1 1 0 11 1 a 0 d \
    1 3 0 v 1 1 0 1o 1 4 0 1p 1 1l 0 q 1 1 1k 2 1 d 0 18 1 4 0 9 1 7 0 2 1 4u 0 r7 1 d 0 d 1 3 0 7 1 9 0 38 1 c \
    0 2d 1 17 0 c 1 4 0 1k 1 8 0 a 1 6 0 14 1 8 0 u 1 2q 0 f 1 1 0 8 1 8 0 1 1 2 0 c 1 1 0 c 1 4 0 f 1 x 0 i 1 1a \
    0 1 1 18f 0 wyf 1k 15 0 379 1k b 0 66 1k 2 0 4g2 1k 866 0 f2 1k fher 0 1 1 u 0 2o 1 3k 0 6o 4 47bk 0
    """

  /// Oniguruma's \w: lengths of runs that are out and in, by turns.
  static let onigurumaWord: StaticString = """
    1c a 7 q 4 1 1 q 1b 1 7 2 1 1 3 2 1 3 1 n 1 v 1 cq 4 c e 5 7 1 1 1 h 39 1 2 2 4 1 1 6 1 1 3 1 1 1 k 1 2b 1 3v \
    1 4t 1 12 2 1 6 15 8 19 1 1 1 2 1 2 1 1 8 r 4 4 t b 5 22 4 2u 1 8 2 a 1 j 2 1 g 1n 2 2t e 1i 4 1 2 1 2 1a i \
    s 4 b 5 o 1 6 8 23 1 3l 2 a 1 j 1 8 2 2 2 m 1 7 1 1 3 4 2 9 2 2 2 4 8 1 4 2 1 5 2 c a 1 1 1 2 3 1 6 4 2 2 m \
    1 7 1 2 1 2 1 2 2 1 1 5 4 2 2 3 3 1 7 4 1 1 7 g b 3 1 9 1 3 1 m 1 7 1 2 1 5 2 a 1 3 1 3 2 1 f 4 2 a 9 7 1 3 \
    1 8 2 2 2 m 1 7 1 2 1 5 2 9 2 2 2 3 7 3 4 2 1 5 2 a 1 1 g 2 1 6 3 3 1 4 3 2 1 1 1 2 3 2 3 3 3 c 4 5 3 3 1 4 \
    2 1 6 1 e a g d 1 3 1 n 1 g 2 9 1 3 1 4 7 2 1 3 2 1 2 4 2 a g 4 1 8 1 3 1 n 1 a 1 5 2 9 1 3 1 4 7 2 6 2 1 4 \
    2 a 1 3 c d 1 3 1 1f 1 3 1 5 5 4 7 5 2 a a 6 1 3 1 i 3 o 1 9 1 1 2 7 3 1 4 6 1 1 1 8 6 a 2 2 d 1m 5 f 1 a 13 \
    2 1 1 1 5 1 o 1 1 1 n 2 5 1 1 1 7 1 a 2 4 w 1 n 2 6 a b 1 1 1 1 1 4 a 1 10 4 k 1 i 1 10 9 1 1l 22 6 26 2 12 \
    1 1 5 1 2 17 1 99 1 4 2 7 1 1 1 4 2 15 1 4 2 x 1 4 2 7 1 1 1 4 2 f 1 1l 1 4 2 1v 2 3 w g g 2e 2 6 3 h8 2 h 1 \
    q 5 23 3 b 7 m 9 m b k c d 1 3 1 2 c 2c 3 1 4 2 2 a x 3 1 b 6 2h 7 17 5 1y a v 1 c 4 c a 14 2 5 b 18 4 q 6 a \
    12 s 4 1r 1 t 2 b 6 a d 1 8 v 1d 25 3 a h 9 c 38 c 1k 8 a 3 1d 2 b 5 17 2 3 g 3 1 13 5 eu 2 6 2 12 2 6 2 8 1 \
    1 1 1 1 1 1 v 2 1h 1 7 1 1 3 3 1 7 3 4 2 6 4 d 5 3 1 7 1u 2 j 1 s 1 d 1 g d 1f x h 1 4 1 2 a 1 1 3 5 6 1 1 1 \
    1 1 1 4 1 b 2 4 5 5 4 1 h 15 ml 1g 1ee 6d 6 9 c 12 1 1 5 1 2 1k 7 1 f o 9 7 1 7 1 7 1 7 1 7 1 7 1 7 1 7 1 w \
    1b 1 d1 3 p f 1 5 2 5 4 2e 2 2 2 3 1 2i 1 4 5 17 1 2m h w 1c g e8 534 1s h3h 1v 1a 2 7h 3 s k 1f 1 a 1 37 11 \
    9 2 2v 2 1v 2 2 1 1 1 8 l 1i 4 1 j 1g c 1y a a 6 o 3 1 1 1d 2 10 c t 3 1t e b 6 v 1 1j 9 e 2 a 6 n 3 21 o 3 \
    2 g 2 5 a 6 2 6 2 6 9 7 1 7 1 17 1 e 6 3f 1 2 2 a 6 8mc c n 4 1d 6is a6 2 2y 12 7 c 5 5 c 1 d 1 5 1 1 1 2 1 \
    2 1 30 x a3 i 1s 2 1i 14 c 4 g g g 3 2 o 3 w 5 1 3r j a 7 q 4 1 1 q b 2h 3 6 2 6 2 6 2 3 z c 1 q 1 j 1 2 1 f \
    2 e y 3f 1x 1h 3s 1 3m t 3 1d f 1 v w d u 5 17 5 u 2 10 4 8 1 5 16 4e 2 a 6 10 4 10 4 14 8 1g c b 1 f 1 7 1 \
    2 1 b 1 f 1 7 1 2 3 1g c 8n 9 m a 8 o 6 1 16 1 9 1x 6 2 1 1 18 1 2 3 1 2 n a n 9 v 1t j 1 2 a m a q 1y 1k 6 \
    2 1s 4 1 2 5 8 1 3 1 t 2 3 4 1 w t 3 t z 8 1 u p 1i a m a j d i 32 21 1j 1f d 1f d 14 8 a 6 12 3 5 1 n 6y 16 \
    1 2 3 2 g 3 1j x a 1 8 x v m 16 l r n 9 1z v g 9 1o 7 1 d p 7 a 6 1h 1 a 4 4 8 10 2 1 9 1x 4 4 1 d 1 1 z i 1 \
    11 6 4 1q 7 1 1 1 4 1 f 1 a 7 1n 5 a 6 4 1 8 2 2 2 m 1 7 1 2 1 5 1 a 2 2 2 3 2 1 6 1 5 7 2 7 3 5 b a 1 1 2 1 \
    1 12 1 a 1 1 2 1 1 4 1 8 d 2 t 23 5 a 4 4 u 1y 1 1 8 a 4m 1i 2 9 n 6 y 1t 3 1 b a 12 1l 7 a 6 k s r 2 f 4 a \
    6 7 55 1n 2t 22 l 8 2 1 2 8 1 2 1 u 1 2 2 9 c a 1y 8 2 1a 2 8 1 2 r 1r 8 1 8 22 3 1 i 21 5j x f a 6 9 1 19 1 \
    9 f a o u 2 m 1 e 21 7 1 2 1 18 3 1 1 2 1 9 8 a 6 6 1 2 1 11 1 2 1 6 7 a 8m n 9 h 1 15 3 5 d b 2d 1 27 pm 2u \
    33 h 5g 218 2p f ts g m a 32z 5 g7 5a1 1m 1c6 ft 7 v 1 a 6 27 1 a 6 u 2 5 b 1j 9 4 c a 9 l 5 j c0 19 3 a 5i \
    1s 3k 23 4 1l 7 h 1s 2 1 2 b 2 e 4qg 8 ye 15 a 6w7 4 1 7 1 2 1 83 f 1 t 3 2 1 e 4 8 b0 1s4 2z 5 d 3 9 7 a 3 \
    2 381 a ee 1a 2 n f2 5 3 6 8 8 2 7 u 4 44 3 cb 2d 1 1z 1 2 2 1 2 2 2 4 1 c 1 1 1 7 1 1t 1 4 2 8 1 7 1 s 1 4 \
    1 5 1 1 3 7 1 9g 2 p 1 p 1 v 1 p 1 v 1 p 1 v 1 p 1 v 1 p 1 8 2 1e e8 1j 4 1e 8 1 e 1 m 5 1 f uo v 6 6 5x 7 1 \
    h 2 7 1 2 1 5 5 1q x 1 34 19 3 e 2 a 4 1 8x v h 1m d2 16 5y 17 dh 7 1 4 1 2 1 f 1 5h b 7 15 24 4 a x2 4 1 r \
    1 2 1 1 2 1 1 a 1 4 1 1 1 1 6 1 4 1 1 1 1 1 1 3 1 2 1 1 2 1 1 1 1 1 1 1 1 1 1 2 1 1 2 4 1 7 1 4 1 4 1 1 1 a \
    1 h 5 3 1 5 1 h hg q 6 q 6 q 21y a sm wyo w 37e 6 66 2 4g2 e 5rl f ha 1wi f2 15u 3t7 5 38g f9e8 6o 47bk
    """

  /// Oniguruma's Other_Alphabetic.
  static let otherAlphabetic: StaticString = """
    n9 1 t d g0 e 1 1 1 2 1 2 1 1 20 b 1c d 1 7 g 1 2t 7 4 4 2 2 4 1 z 1 u g 2u b 2t 2 3 9 1 3 1 4 2y 1 1o c 3 7 \
    6 k 1i 2 2 f 1 2 5 3 a 2 t 3 1m 7 2 2 2 2 a 1 a 2 t 3 1m 5 4 2 2 2 4 1 u 2 3 1 b 3 1m 8 1 3 1 2 l 2 m 3 4 3 \
    1m 7 2 2 2 2 9 2 a 2 u 1 1n 5 3 3 1 3 a 1 14 5 1l 7 1 3 1 3 8 2 b 2 t 3 1m 7 1 3 1 3 8 2 b 2 f 1 c 4 1m 7 1 \
    3 1 3 a 1 a 2 t 3 23 6 1 1 1 8 i 2 1p 1 2 7 i 1 2r 1 2 6 1 2 g 1 4j j 9 b 1 10 32 c 1 1 2 4 n 4 4 3 1 3 2 7 \
    3 4 d c 1 1 a 4 19w 2 u 2 u 2 u 2 1u j 58 2 y 1 3a c 4 9 66 5 1l a 2 k 22 2 b 3 1d 5 1c f 1o 3 u 9 2 2 1l b \
    1e j bg y 1c1 1g 1rq w nsk 8 y 2 9u 1 8 1 n 5 2g 2 1e g 1 1 1l 1 12 5 s c 19 4 1c c 11 1 1v e c 1 8 2 19 3 1e \
    1 1 3 2 2 5 1 18 5 5 1 6l 8 fn7 1 1nb 5 1ae 3 1 2 5 4 lw 4 1t 1 8x 2 27 1 77 3 1h e 19 2 b 3 19 9 9 1 1p 3 10 \
    c i 2 1l 3 1c d e 2 2k 9 2 1 6 1 2 1 4d a n 4 1m 7 2 2 2 2 a 1 a 2 2c 9 1 1 2 1 1 4 1 2 2v d 1 3 2y i 6l 7 2 \
    7 t 2 2a f 1 1 2y b 2v e 75 d 6v 6 1 2 2 2 3 1 1 1 3y 7 2 6 4 1 s a 16 5 1 4 i b 1a e bb 8 1 7 2b m 1 e 3e 6 \
    3 1 1 2 1 3 1 1 3 1 1u 5 1 2 1 4 9o 4 9 2 1 1 1c 7 3 3 d0d h 2sg 1 1 1j 7 4 2l 2 f58 1 6zl 7 1 h 2 7 1 2 1 5 \
    2s 1 1pz 1 1k8 q 6 q 6 q l5di
    """

  /// Oniguruma's Other_Lowercase.
  static let otherLowercase: StaticString = """
    4q 1 f 1 dx 9 7 2 u 5 2o 1 1g 1 2o1 1 2en 1r d 1 y 11 j5 1 d 1 g d 5v g nk q 1hu 2 o4e 2 5u 1 3l 3 3 2 o2 4 \
    9 1 i6u 1 2 3 1 16 1 9 16r9 1q l8r6
    """

  /// Oniguruma's Emoji.
  static let emoji: StaticString = """
    z 1 6 1 5 a 33 1 4 1 68d 1 c 1 60 1 m 1 2i 6 f 2 a7 2 c 1 4m 1 p b 4 3 5j 1 6f 2 a 1 9 1 1m 4 1 5 9 1 2 1 2 \
    2 2 1 4 1 2 1 1 2 2 1 3 1 3 2 8 3 5 1 1 1 5 c b 2 2 1 1 2 1 1 i 1 2 2 i 6 1 1 1 2 3 2 5 1 2 2 4 2 b 2 5 2 2 \
    1 5 2 1 1 1 2 k 2 5 6 1 4 2 1 4 1 2 1 2 6 1 1 2 1 1 1 1 1 6 1 3 1 6 1 a 2 f 1 2 1 4 1 1 1 4 3 1 1 b 2 1c 3 9 \
    1 e 1 e 1 ac 2 cv 3 j 2 1f 1 4 1 yi 1 c 1 gp 1 1 1 2fze 1 5m 1 4g 2 c 2 e 1 2 a 23 q 1 2 n 1 k 1 2 9 l 2 4u \
    y 2 34 2 2 1 3 2 2b 2 3 1 7b 1 1r b 6 1 o 7 2 2 8 c 1 2 4 2 1 4 2 d 2 2 1 8 2 9 1 5 3 c 3 8 3 2 1 1 1 4 1 6 \
    1 3 1 6 2e 1c 1y 5 8 2 3 4 a 3 1 1 2 3 1 2 a 6b c 4 1 7v 1b 1 a 1 55 34 d 3 a 5 1k 7 f 2 b 6 9 l3if
    """

  /// Oniguruma's Extended_Pictographic.
  static let pictographic: StaticString = """
    4p 1 4 1 68d 1 c 1 60 1 m 1 2i 6 f 2 a7 2 c 1 2n 1 1y 1 p b 4 3 5j 1 6f 2 a 1 9 1 1m 4 1 6 1 c 1 36 a 3a 2 b \
    1 1 1 1 6 1 3 1 6 1 a 2 f 1 2 1 4 1 1 1 4 3 1 1 b 5 19 3 9 1 e 1 e 1 ac 2 cv 3 j 2 1f 1 4 1 yi 1 c 1 gp 1 1 \
    1 2fza 74 d 3 v 1 1o 6 c 2 e 1 2 a i 1l r f a 1 k 1 2 9 1 4 9 c2 5 8u 8 7e 1c 3k 38 c 2d 17 c 4 1k 8 a 6 14 \
    8 u 2a c 1b 1 a 1 c9 74 se l2iq
    """

  /// \w of the regex crate.
  static let word: StaticString = """
    1c a 7 q 4 1 1 q 1b 1 a 1 4 1 5 n 1 v 1 cq 4 c e 5 7 1 1 1 h 39 1 2 2 4 1 1 6 1 1 3 1 1 1 k 1 2b 1 3v 1 4t 1 \
    12 2 1 6 15 8 19 1 1 1 2 1 2 1 1 8 r 4 4 t b 5 22 4 2u 1 8 2 a 1 j 2 1 g 1n 2 2t e 1i 4 1 2 1 2 1a i s 4 b 5 \
    o 1 6 8 23 1 3l 2 a 1 j 1 8 2 2 2 m 1 7 1 1 3 4 2 9 2 2 2 4 8 1 4 2 1 5 2 c a 1 1 1 2 3 1 6 4 2 2 m 1 7 1 2 \
    1 2 1 2 2 1 1 5 4 2 2 3 3 1 7 4 1 1 7 g b 3 1 9 1 3 1 m 1 7 1 2 1 5 2 a 1 3 1 3 2 1 f 4 2 a 9 7 1 3 1 8 2 2 \
    2 m 1 7 1 2 1 5 2 9 2 2 2 3 7 3 4 2 1 5 2 a 1 1 g 2 1 6 3 3 1 4 3 2 1 1 1 2 3 2 3 3 3 c 4 5 3 3 1 4 2 1 6 1 \
    e a g d 1 3 1 n 1 g 2 9 1 3 1 4 7 2 1 3 2 1 2 4 2 a g 4 1 8 1 3 1 n 1 a 1 5 2 9 1 3 1 4 7 2 6 2 1 4 2 a 1 3 \
    c d 1 3 1 1f 1 3 1 5 5 4 7 5 2 a a 6 1 3 1 i 3 o 1 9 1 1 2 7 3 1 4 6 1 1 1 8 6 a 2 2 d 1m 5 f 1 a 13 2 1 1 1 \
    5 1 o 1 1 1 n 2 5 1 1 1 7 1 a 2 4 w 1 n 2 6 a b 1 1 1 1 1 4 a 1 10 4 k 1 i 1 10 9 1 1l 22 6 26 2 12 1 1 5 1 \
    2 17 1 99 1 4 2 7 1 1 1 4 2 15 1 4 2 x 1 4 2 7 1 1 1 4 2 f 1 1l 1 4 2 1v 2 3 w g g 2e 2 6 3 h8 2 h 1 q 5 23 \
    3 b 7 m 9 m b k c d 1 3 1 2 c 2c 3 1 4 2 2 a x 3 1 b 6 2h 7 17 5 1y a v 1 c 4 c a 14 2 5 b 18 4 q 6 a 12 s 4 \
    1r 1 t 2 b 6 a d 1 8 v 1d 25 3 a h 9 c 38 c 1k 8 a 3 1d 2 b 5 17 2 3 g 3 1 13 5 eu 2 6 2 12 2 6 2 8 1 1 1 1 \
    1 1 1 v 2 1h 1 7 1 1 3 3 1 7 3 4 2 6 4 d 5 3 1 7 f 2 1d 2 j 1 s 1 d 1 g d 1f x h 1 4 1 2 a 1 1 3 5 6 1 1 1 1 \
    1 1 4 1 b 2 4 5 5 4 1 h 15 ml 1g 1ee 6d 6 9 c 12 1 1 5 1 2 1k 7 1 f o 9 7 1 7 1 7 1 7 1 7 1 7 1 7 1 7 1 w 1b \
    1 d1 3 p f 1 5 2 5 4 2e 2 2 2 3 1 2i 1 4 5 17 1 2m h w 1c g e8 534 1s h3h 1v 1a 2 7h 3 s k 1f 1 a 1 37 11 9 \
    2 2v 2 1v 2 2 1 1 1 8 l 1i 4 1 j 1g c 1y a a 6 o 3 1 1 1d 2 10 c t 3 1t e b 6 v 1 1j 9 e 2 a 6 n 3 21 o 3 2 \
    g 2 5 a 6 2 6 2 6 9 7 1 7 1 17 1 e 6 3f 1 2 2 a 6 8mc c n 4 1d 6is a6 2 2y 12 7 c 5 5 c 1 d 1 5 1 1 1 2 1 2 \
    1 30 x a3 i 1s 2 1i 14 c 4 g g g 3 2 o 3 w 5 1 3r j a 7 q 4 1 1 q b 2h 3 6 2 6 2 6 2 3 z c 1 q 1 j 1 2 1 f 2 \
    e y 3f 1x 1h 3s 1 3m t 3 1d f 1 v w d u 5 17 5 u 2 10 4 8 1 5 16 4e 2 a 6 10 4 10 4 14 8 1g c b 1 f 1 7 1 2 \
    1 b 1 f 1 7 1 2 3 1g c 8n 9 m a 8 o 6 1 16 1 9 1x 6 2 1 1 18 1 2 3 1 2 n a n 9 v 1t j 1 2 a m a q 1y 1k 6 2 \
    1s 4 1 2 5 8 1 3 1 t 2 3 4 1 w t 3 t z 8 1 u p 1i a m a j d i 32 21 1j 1f d 1f d 14 8 a 6 12 3 5 1 n 6y 16 1 \
    2 3 2 g 3 1j x a 1 8 x v m 16 l r n 9 1z v g 9 1o 7 1 d p 7 a 6 1h 1 a 4 4 8 10 2 1 9 1x 4 4 1 d 1 1 z i 1 11 \
    6 4 1q 7 1 1 1 4 1 f 1 a 7 1n 5 a 6 4 1 8 2 2 2 m 1 7 1 2 1 5 1 a 2 2 2 3 2 1 6 1 5 7 2 7 3 5 b a 1 1 2 1 1 \
    12 1 a 1 1 2 1 1 4 1 8 d 2 t 23 5 a 4 4 u 1y 1 1 8 a 4m 1i 2 9 n 6 y 1t 3 1 b a 12 1l 7 a 6 k s r 2 f 4 a 6 \
    7 55 1n 2t 22 l 8 2 1 2 8 1 2 1 u 1 2 2 9 c a 1y 8 2 1a 2 8 1 2 r 1r 8 1 8 22 3 1 i 21 5j x f a 6 9 1 19 1 9 \
    f a o u 2 m 1 e 21 7 1 2 1 18 3 1 1 2 1 9 8 a 6 6 1 2 1 11 1 2 1 6 7 a 8m n 9 h 1 15 3 5 d b 2d 1 27 pm 2u 33 \
    h 5g 218 2p f ts g m a 32z 5 g7 5a1 1m 1c6 ft 7 v 1 a 6 27 1 a 6 u 2 5 b 1j 9 4 c a 9 l 5 j c0 19 3 a 5i 1s \
    3k 23 4 1l 7 h 1s 2 1 2 b 2 e 4qg 8 ye 15 a 6w7 4 1 7 1 2 1 83 f 1 t 3 2 1 e 4 8 b0 1s4 2z 5 d 3 9 7 a 3 2 381 \
    a ee 1a 2 n f2 5 3 6 8 8 2 7 u 4 44 3 cb 2d 1 1z 1 2 2 1 2 2 2 4 1 c 1 1 1 7 1 1t 1 4 2 8 1 7 1 s 1 4 1 5 1 \
    1 3 7 1 9g 2 p 1 p 1 v 1 p 1 v 1 p 1 v 1 p 1 v 1 p 1 8 2 1e e8 1j 4 1e 8 1 e 1 m 5 1 f uo v 6 6 5x 7 1 h 2 7 \
    1 2 1 5 5 1q x 1 34 19 3 e 2 a 4 1 8x v h 1m d2 16 5y 17 dh 7 1 4 1 2 1 f 1 5h b 7 15 24 4 a x2 4 1 r 1 2 1 \
    1 2 1 1 a 1 4 1 1 1 1 6 1 4 1 1 1 1 1 1 3 1 2 1 1 2 1 1 1 1 1 1 1 1 1 1 2 1 1 2 4 1 7 1 4 1 4 1 1 1 a 1 h 5 \
    3 1 5 1 h hg q 6 q 6 q 21y a sm wyo w 37e 6 66 2 4g2 e 5rl f ha 1wi f2 15u 3t7 5 38g f9e8 6o 47bk
    """

  /// Rust's char::is_numeric.
  static let numeric: StaticString = """
    1c a 3c 2 5 1 2 3 141 a 3q a 5i a bg a 3a a 4 6 30 a 3a a 3a a 2 6 32 d 37 a 8 7 2v a 2w 7 7 j 31 a 2o a 3a \
    a 1y k 7g a 1y a jz k oh 3 6n a 6 a m a 8c a 3k b 4l a 6 a 52 a 2e a 3q a 6 a t2 1 3 6 6 a 5i 1f 2 5 k6 1o 26 \
    m hi u 12h 1 ll 1 p 9 e 3 9j 4 3u a u 8 1 f w a 13 f msg a 58 a 8w 6 4a a 12 a 5i a m a 2e a ba a geu a dp 19 \
    c 1l h 2 9h r 10 4 t 1 8 1 3q 5 5m a q6 8 p 7 13 9 23 5 m 6 4g 2 2 g 2 1a 1s 9 1g 2 u 3 23 5 2w 8 o 8 15 7 96 \
    6 1c a 6 a 7q v 4e a 16 4 34 7 3q u 3k a 1o a 40 a 7 k 6z a 9i a 3a a ae a 2u a 6 k 24 c bo j 2l a ie a 2e t \
    6b a 1y a 1i a 9y a 2u l tn 33 c01 a 1t2 a 2e a 3q a 1 7 em a 7a n 9p 3 id5 a 152 k c k 30 p ut 1e 1ts a bq \
    a dy a 6v a jw 9 3k a lz 1n 1 3 1 4 24 19 1 f qq d 25f a l3ba
    """

  /// What StripAccents drops.
  static let marks: StaticString = """
    lc 34 7n 7 7b 19 1 1 1 2 1 2 1 1 20 b 1c l g 1 2t 7 2 6 2 2 1 4 z 1 u r 2j b 1m 9 y 4 1 9 1 3 1 5 17 3 3c e \
    1 x 1i 3 1 i 1 7 a 2 t 3 1k 1 1 7 2 2 2 3 9 1 a 2 t 3 1k 1 1 5 4 2 2 3 3 1 u 2 3 1 b 3 1k 1 1 8 1 3 1 3 k 2 \
    t 3 1k 1 1 7 2 2 2 3 8 2 a 2 u 1 1n 5 3 3 1 4 9 1 14 4 1m 7 1 3 1 4 7 2 b 2 t 3 1k 1 1 7 1 3 1 4 7 2 b 2 t 3 \
    1m 7 1 3 1 4 9 1 a 2 u 2 1y 1 4 6 1 1 1 8 i 2 1p 1 2 7 c 8 2q 1 2 6 1 2 b 6 22 2 r 1 1 1 1 1 4 2 1d k 1 2 5 \
    b 1 10 9 1 2s k n 4 4 3 1 3 2 7 3 4 d c 1 1 a 4 jj 3 qa 3 t 3 t 2 u 2 1s w 9 1 19 3 3b 2 y 1 3a c 4 c 63 5 1l \
    a 1 t 2 1 1c f 1t 5 1b h 12 9 c 3 u d 1k e 1c k 48 3 1 l 4 1 4 3 3 2 5i 1i 5 5 k0 x 2da 3 3x 1 2o w fe 6 2x \
    2 n9w 4 1 a w 2 28 2 7k 1 3 1 4 1 n 5 2g 2 1e i q i 1g 8 p d 18 4 1b e 10 1 1v e c 1 8 2 19 3 1e 1 1 3 2 2 5 \
    2 1 1 15 5 5 2 6k 8 1 2 fn4 1 kh g g g r1 1 6a 1 45 5 1ae 3 1 2 5 4 14 3 4 1 4l 2 109 3 1h f 1k 4 19 b 1x 3 \
    10 e 1q 1 c 3 1c e 9 3 2n c 6 1 4g c l 4 1k 1 1 7 2 2 2 3 9 1 a 2 2 7 3 5 5c i 2x k 6j 7 2 9 r 2 2a h 2y d 2t \
    f zn 8 1 8 2a m 1 e fg9 5 1n 7 t6 1a g 4 f7u 2 43q 5 3 6 8 8 2 7 u 4 44 3 1iz 1j 4 1e 8 1 e 1 m 5 1 f 11s 7 \
    1 h 2 7 1 2 1 5 1ph 7 31 7 gzhx 6o 47bk
    """

  /// What BertNormalizer drops with strip_accents, after decomposition.
  static let nonspacing: StaticString = """
    lc 1s 2 1 2 17 7n 5 7d 19 1 1 1 2 1 2 1 1 20 b 1c l g 1 2t 7 2 6 2 2 1 4 z 1 u r 2j b 1m 9 y 4 1 9 1 3 1 5 17 \
    3 3r w 1j 1 1 1 4 8 4 1 3 7 a 2 t 1 1m 1 4 4 8 1 k 2 t 2 1l 1 4 2 4 2 2 3 3 1 u 2 3 1 b 2 1l 1 4 5 1 2 4 1 k \
    2 t 1 1m 1 2 1 1 4 8 1 8 1 b 2 u 1 1p 1 c 1 1e 1 1p 3 5 2 2 4 7 2 b 2 t 1 1m 1 2 1 6 1 5 2 k 2 t 1 1r 4 8 1 \
    k 2 2u 1 7 3 1 1 2i 1 2 7 c 8 2q 1 2 6 1 2 b 6 22 2 r 1 1 1 1 1 1j 2 1 1 2 1 1 6 1 1 1 3 1 2 5 6 1 4 1 4 1 4 \
    1 4 1 4 1 c 1 3 9 1 2u 4 1 6 1 2 2 2 p 2 4 3 g 4 d 1 2 2 6 1 f 1 jj 3 qa 3 t 3 t 2 u 2 1s 2 1 7 8 1 2 b 9 1 \
    19 3 4b 1 3a 3 4 2 9 1 6 3 63 2 2 1 1m 1 1 7 1 1 1 1 2 8 6 a 2 1 1c e 1u 4 1c 1 1 5 1 1 5 1 14 9 c 2 w 4 2 2 \
    1 3 1k 1 1 2 3 1 1 3 1m 8 2 2 48 3 1 d 1 7 4 1 6 1 3 2 5i 1i 6 4 k0 d 4 1 3 c 2da 3 3x 1 2o w fe 4 2z 2 n9w \
    1 4 a w 2 28 2 7k 1 3 1 4 1 p 2 4d 1 r i 1g 8 p b 1a 3 1c 1 2 4 2 1 14 1 1v 6 2 2 2 2 c 1 8 1 1b 1 1f 1 1 3 \
    2 2 5 2 1 1 16 2 8 1 6m 1 2 1 4 1 fn4 1 kh g g g r1 1 6a 1 45 5 1ae 3 1 2 5 4 14 3 4 1 4l 2 10a 1 1i f 1k 3 \
    1d 4 2 2 1x 3 10 5 1 1 2 5 1q 1 c 2 1g 9 b 3 2q 3 2 1 1 2 4n 1 3 8 l 2 1m 1 3 1 11 7 3 5 8u 6 1 1 4 2 1 2 6m \
    4 6 2 1 2 r 2 2d 8 2 1 1 2 2y 1 1 1 2 6 1 1 2t 3 2 4 1 5 gjo 5 1n 7 uw 4 f7u 2 43s 3 h 8 2 7 u 4 44 3 1iz 1j \
    4 1e 8 1 e 1 m 5 1 f 2sg 7 gzl5 6o 47bk
    """

  /// What continues a grapheme.
  static let extending: StaticString = """
    lc 34 7n 7 7b 19 1 1 1 2 1 2 1 1 20 b 1c l g 1 2t 7 2 6 2 2 1 4 z 1 u r 2j b 1m 9 9 1 o 4 1 9 1 3 1 5 17 3 1n \
    9 16 o 1 x 1i 3 1 i 1 7 a 2 t 3 1k 1 1 7 2 2 2 3 9 1 a 2 q 1 2 3 1k 1 1 5 4 2 2 3 3 1 u 2 3 1 b 3 1k 1 1 8 1 \
    3 1 3 k 2 m 6 1 3 1k 1 1 7 2 2 2 3 7 3 a 2 u 1 1n 5 3 3 1 4 9 1 14 5 1j 1 1 7 1 3 1 4 7 2 b 2 t 3 1k 1 1 7 1 \
    3 1 4 7 2 b 2 f 1 c 4 1j 2 1 7 1 3 1 4 9 1 a 2 t 3 1y 1 4 6 1 1 1 8 i 2 1p 1 1 8 c 8 2q 1 1 a b 7 21 2 r 1 1 \
    1 1 1 4 2 1d k 1 2 5 b 1 10 9 1 2u b 1 6 n 4 4 3 g 4 d 1 1 3 6 1 f 1 jj 3 qa 4 s 3 t 2 u 2 1s w 9 1 19 3 1 1 \
    39 2 y 1 3a c 4 c 63 5 1l a 1 1 1 1 2 o 2 1 1c 1a 2 c k 5 1b h 12 9 c 3 u d 1k e 1c k 48 3 1 l 4 1 6 1 2 3 5i \
    1s ek 2 5e x 2da 3 3x 1 2o w fe 6 2x 2 n9w 4 1 a w 2 28 2 7k 1 3 1 4 1 n 5 4 1 2b 2 1e i q i d 1 12 8 p d 18 \
    4 1b e 10 1 1v e c 1 8 2 1a 1 1f 1 1 3 2 2 5 2 1 1 15 5 5 2 6k 8 1 2 fn4 1 kh g g g a6 2 gt 1 6a 1 45 5 1ae \
    3 1 2 5 4 14 3 4 1 4l 2 fx 4 1t 5 8t 2 25 6 1y b 1d 4 3e 3 1h f 15 1 2 2 a 4 19 b 7 1 1p 3 10 e g 2 18 1 c 3 \
    1c e 8 4 1 2 2k c 6 1 2 1 4d c l 4 1j 2 1 7 2 2 2 3 9 1 a 2 2 7 3 5 1v 9 1 1 2 1 1 4 1 5 1 1 e 2 2a i n 1 29 \
    k 6j 7 2 9 r 2 2a h 2y d 2t 3 2 a 74 f 6t 6 1 2 2 4 1 1 1 2 3x 7 2 7 3 1 s a 14 7 1 4 8 1 9 b 1a g 5i 8 5j 8 \
    1 8 2a m 1 e 3e 6 3 1 1 2 1 7 1 1 1u 5 1 2 1 5 9n 4 9 2 1 1 1c 7 3 5 n 1 44l 1 6 f 8ug i 1xc 5 1n 7 t4 1 1 1j \
    7 4 29 1 b 2 f57 2 3mp 1a 2 n f2 5 3 6 8 8 2 7 u 4 44 3 1iz 1j 4 1e 8 1 e 1 m 5 1 f 11s 7 1 h 2 7 1 2 1 5 2s \
    1 4g 7 af 1 1p 4 e4 4 72 2 6r 1 2 1 7 2 5 1 d6 7 31 7 240 5 gx7k 2o 3k 6o 47bk
    """

  /// What a grapheme goes on after.
  static let preceding: StaticString = """
    16o 6 5z 1 1d 1 ao 2 28 1 vf 1 1f8u 1 f 1 6s 2 el 1 12l 1 1 1 8y 6 jg 1 cb 1 mayl
    """

  /// What nothing continues.
  static let controls: StaticString = """
    0 w 2n x d 1 12m 1 3jl 1 1ks 1 2 2 o 7 1d g 17yn 1 6o c ab8 g qxs 4 43z 8 h405 w 2o 3k 6o 2s0 44jk
    """

  /// Full canonical decompositions: the distance from the entry before, then the scalars.
  static let canonical: StaticString = """
    5c 1t lc;1 1t ld;1 1t le;1 1t lf;1 1t lk;1 1t lm;2 1v mf;1 1x lc;1 1x ld;1 1x le;1 1x lk;1 21 lc;1 21 ld;1 21 \
    le;1 21 lk;2 26 lf;1 27 lc;1 27 ld;1 27 le;1 27 lf;1 27 lk;3 2d lc;1 2d ld;1 2d le;1 2d lk;1 2h ld;3 2p lc;1 \
    2p ld;1 2p le;1 2p lf;1 2p lk;1 2p lm;2 2r mf;1 2t lc;1 2t ld;1 2t le;1 2t lk;1 2x lc;1 2x ld;1 2x le;1 2x lk;\
    2 32 lf;1 33 lc;1 33 ld;1 33 le;1 33 lf;1 33 lk;3 39 lc;1 39 ld;1 39 le;1 39 lk;1 3d ld;2 3d lk;1 1t lg;1 2p \
    lg;1 1t li;1 2p li;1 1t mg;1 2p mg;1 1v ld;1 2r ld;1 1v le;1 2r le;1 1v lj;1 2r lj;1 1v lo;1 2r lo;1 1w lo;1 \
    2s lo;3 1x lg;1 2t lg;1 1x li;1 2t li;1 1x lj;1 2t lj;1 1x mg;1 2t mg;1 1x lo;1 2t lo;1 1z le;1 2v le;1 1z li;\
    1 2v li;1 1z lj;1 2v lj;1 1z mf;1 2v mf;1 20 le;1 2w le;3 21 lf;1 2x lf;1 21 lg;1 2x lg;1 21 li;1 2x li;1 21 \
    mg;1 2x mg;1 21 lj;4 22 le;1 2y le;1 23 mf;1 2z mf;2 24 ld;1 30 ld;1 24 mf;1 30 mf;1 24 lo;1 30 lo;5 26 ld;1 \
    32 ld;1 26 mf;1 32 mf;1 26 lo;1 32 lo;4 27 lg;1 33 lg;1 27 li;1 33 li;1 27 ln;1 33 ln;3 2a ld;1 36 ld;1 2a mf;\
    1 36 mf;1 2a lo;1 36 lo;1 2b ld;1 37 ld;1 2b le;1 37 le;1 2b mf;1 37 mf;1 2b lo;1 37 lo;1 2c mf;1 38 mf;1 2c \
    lo;1 38 lo;3 2d lf;1 39 lf;1 2d lg;1 39 lg;1 2d li;1 39 li;1 2d lm;1 39 lm;1 2d ln;1 39 ln;1 2d mg;1 39 mg;1 \
    2f le;1 3b le;1 2h le;1 3d le;1 2h lk;1 2i ld;1 3e ld;1 2i lj;1 3e lj;1 2i lo;1 3e lo;y 27 m3;1 33 m3;e 2d m3;\
    1 39 m3;t 1t lo;1 2p lo;1 21 lo;1 2x lo;1 27 lo;1 33 lo;1 2d lo;1 39 lo;1 2d lk lg;1 39 lk lg;1 2d lk ld;1 39 \
    lk ld;1 2d lk lo;1 39 lk lo;1 2d lk lc;1 39 lk lc;2 1t lk lg;1 2p lk lg;1 1t lj lg;1 2p lj lg;1 5i lg;1 6e lg;\
    3 1z lo;1 2v lo;1 23 lo;1 2z lo;1 27 mg;1 33 mg;1 27 mg lg;1 33 mg lg;1 c7 lo;1 ia lo;1 2y lo;4 1z ld;1 2v ld;\
    3 26 lc;1 32 lc;1 1t lm ld;1 2p lm ld;1 5i ld;1 6e ld;1 60 ld;1 6w ld;1 1t lr;1 2p lr;1 1t lt;1 2p lt;1 1x lr;\
    1 2t lr;1 1x lt;1 2t lt;1 21 lr;1 2x lr;1 21 lt;1 2x lt;1 27 lr;1 33 lr;1 27 lt;1 33 lt;1 2a lr;1 36 lr;1 2a \
    lt;1 36 lt;1 2d lr;1 39 lr;1 2d lt;1 39 lt;1 2b me;1 37 me;1 2c me;1 38 me;3 20 lo;1 2w lo;7 1t lj;1 2p lj;1 \
    1x mf;1 2t mf;1 27 lk lg;1 33 lk lg;1 27 lf lg;1 33 lf lg;1 27 lj;1 33 lj;1 27 lj lg;1 33 lj lg;1 2h lg;1 3d \
    lg;7h lc;1 ld;2 lv;1 lk ld;1c jd;a 1n;7 4o ld;1 pd ld;1 53;1 ph ld;1 pj ld;1 pl ld;2 pr ld;2 px ld;1 q1 ld;1 \
    qh lk ld;q pl lk;1 px lk;1 q9 ld;1 qd ld;1 qf ld;1 qh ld;1 qt lk ld;q qh lk;1 qt lk;1 qn ld;1 qt ld;1 qx ld;\
    5 r6 ld;1 r6 lk;18 t1 lc;1 t1 lk;2 sz ld;4 sm lk;5 t6 ld;1 t4 lc;1 tf li;b t4 li;w u0 li;n tx lc;1 tx lk;2 tv \
    ld;4 uu lk;5 u2 ld;1 u0 lc;1 ub li;o vo lr;1 vp lr;22 t2 li;1 ty li;e sw li;1 ts li;1 sw lk;1 ts lk;3 t1 li;\
    1 tx li;3 yg lk;1 yh lk;1 t2 lk;1 ty lk;1 t3 lk;1 tz lk;3 t4 lg;1 u0 lg;1 t4 lk;1 u0 lk;1 ta lk;1 u6 lk;3 yw \
    lk;1 yx lk;1 tp lk;1 ul lk;1 tf lg;1 ub lg;1 tf lk;1 ub lk;1 tf ln;1 ub ln;1 tj lk;1 uf lk;3 tn lk;1 uj lk;89 \
    17r 18z;1 17r 190;1 18o 190;1 17r 191;1 18q 190;4a 1cl 190;2 1c1 190;h 1ci 190;gm 1t4 1to;8 1tc 1to;3 1tf 1to;\
    10 1sl 1to;1 1sm 1to;1 1sn 1to;1 1ss 1to;1 1sx 1to;1 1sy 1to;1 1t7 1to;1 1tb 1to;30 1xj 1xa;1 1xj 1xz;g 1wh \
    1x8;1 1wi 1x8;2 1wv 1x8;2c 20i 20s;3 20o 20s;z 1zq 20s;1 1zr 20s;1 1zw 20s;3 20b 20s;6i 287 28m;3 287 27y;1 \
    287 28n;g 275 27w;1 276 27w;1j 2aa 2c7;1i 2bq 2bi;1 2br 2bi;1 2bq 2c7;3g 2fa 2fq;3c 2in 2j9;7 2iu 2j9;1 2iu \
    2ja;2 2iu 2iq;1 2iu 2iq 2j9;3j 2me 2m6;1 2mf 2m6;1 2me 2mv;3y 2qh 2q2;2 2qh 2q7;1 2qh 2q7 2q2;1 2qh 2qn;9x 30i \
    33r;a 30s 33r;5 30x 33r;5 312 33r;5 317 33r;d 30g 33p;a 31t 31u;2 31t 31w;1 33m 328;2 33n 328;9 31t 328;i 32q \
    33r;a 330 33r;5 335 33r;5 33a 33r;5 33f 33r;d 32o 33p;31 36t 372;25c 5c5 5dh;2 5c7 5dh;2 5c9 5dh;2 5cb 5dh;2 \
    5cd 5dh;4 5ch 5dh;15 5dm 5dh;2 5do 5dh;3 5dq 5dh;1 5dr 5dh;2 5du 5dh;jh 1t md;1 2p md;1 1u lj;1 2q lj;1 1u mb;\
    1 2q mb;1 1u mp;1 2q mp;1 1v mf ld;1 2r mf ld;1 1w lj;1 2s lj;1 1w mb;1 2s mb;1 1w mp;1 2s mp;1 1w mf;1 2s mf;\
    1 1w ml;1 2s ml;1 1x lg lc;1 2t lg lc;1 1x lg ld;1 2t lg ld;1 1x ml;1 2t ml;1 1x mo;1 2t mo;1 1x mf li;1 2t \
    mf li;1 1y lj;1 2u lj;1 1z lg;1 2v lg;1 20 lj;1 2w lj;1 20 mb;1 2w mb;1 20 lk;1 2w lk;1 20 mf;1 2w mf;1 20 mm;\
    1 2w mm;1 21 mo;1 2x mo;1 21 lk ld;1 2x lk ld;1 23 ld;1 2z ld;1 23 mb;1 2z mb;1 23 mp;1 2z mp;1 24 mb;1 30 mb;\
    1 24 mb lg;1 30 mb lg;1 24 mp;1 30 mp;1 24 ml;1 30 ml;1 25 ld;1 31 ld;1 25 lj;1 31 lj;1 25 mb;1 31 mb;1 26 lj;\
    1 32 lj;1 26 mb;1 32 mb;1 26 mp;1 32 mp;1 26 ml;1 32 ml;1 27 lf ld;1 33 lf ld;1 27 lf lk;1 33 lf lk;1 27 lg \
    lc;1 33 lg lc;1 27 lg ld;1 33 lg ld;1 28 ld;1 34 ld;1 28 lj;1 34 lj;1 2a lj;1 36 lj;1 2a mb;1 36 mb;1 2a mb \
    lg;1 36 mb lg;1 2a mp;1 36 mp;1 2b lj;1 37 lj;1 2b mb;1 37 mb;1 2b ld lj;1 37 ld lj;1 2b lo lj;1 37 lo lj;1 \
    2b mb lj;1 37 mb lj;1 2c lj;1 38 lj;1 2c mb;1 38 mb;1 2c mp;1 38 mp;1 2c ml;1 38 ml;1 2d mc;1 39 mc;1 2d mo;\
    1 39 mo;1 2d ml;1 39 ml;1 2d lf ld;1 39 lf ld;1 2d lg lk;1 39 lg lk;1 2e lf;1 3a lf;1 2e mb;1 3a mb;1 2f lc;\
    1 3b lc;1 2f ld;1 3b ld;1 2f lk;1 3b lk;1 2f lj;1 3b lj;1 2f mb;1 3b mb;1 2g lj;1 3c lj;1 2g lk;1 3c lk;1 2h \
    lj;1 3d lj;1 2i le;1 3e le;1 2i mb;1 3e mb;1 2i mp;1 3e mp;1 2w mp;1 38 lk;1 3b lm;1 3d lm;2 an lj;5 1t mb;1 \
    2p mb;1 1t ll;1 2p ll;1 1t le ld;1 2p le ld;1 1t le lc;1 2p le lc;1 1t le ll;1 2p le ll;1 1t le lf;1 2p le lf;\
    1 1t mb le;1 2p mb le;1 1t li ld;1 2p li ld;1 1t li lc;1 2p li lc;1 1t li ll;1 2p li ll;1 1t li lf;1 2p li lf;\
    1 1t mb li;1 2p mb li;1 1x mb;1 2t mb;1 1x ll;1 2t ll;1 1x lf;1 2t lf;1 1x le ld;1 2t le ld;1 1x le lc;1 2t \
    le lc;1 1x le ll;1 2t le ll;1 1x le lf;1 2t le lf;1 1x mb le;1 2t mb le;1 21 ll;1 2x ll;1 21 mb;1 2x mb;1 27 \
    mb;1 33 mb;1 27 ll;1 33 ll;1 27 le ld;1 33 le ld;1 27 le lc;1 33 le lc;1 27 le ll;1 33 le ll;1 27 le lf;1 33 \
    le lf;1 27 mb le;1 33 mb le;1 27 m3 ld;1 33 m3 ld;1 27 m3 lc;1 33 m3 lc;1 27 m3 ll;1 33 m3 ll;1 27 m3 lf;1 33 \
    m3 lf;1 27 m3 mb;1 33 m3 mb;1 2d mb;1 39 mb;1 2d ll;1 39 ll;1 2d m3 ld;1 39 m3 ld;1 2d m3 lc;1 39 m3 lc;1 2d \
    m3 ll;1 39 m3 ll;1 2d m3 lf;1 39 m3 lf;1 2d m3 mb;1 39 m3 mb;1 2h lc;1 3d lc;1 2h mb;1 3d mb;1 2h ll;1 3d ll;\
    1 2h lf;1 3d lf;7 q9 lv;1 q9 lw;1 q9 lv lc;1 q9 lw lc;1 q9 lv ld;1 q9 lw ld;1 q9 lv n6;1 q9 lw n6;1 pd lv;1 \
    pd lw;1 pd lv lc;1 pd lw lc;1 pd lv ld;1 pd lw ld;1 pd lv n6;1 pd lw n6;1 qd lv;1 qd lw;1 qd lv lc;1 qd lw lc;\
    1 qd lv ld;1 qd lw ld;3 ph lv;1 ph lw;1 ph lv lc;1 ph lw lc;1 ph lv ld;1 ph lw ld;3 qf lv;1 qf lw;1 qf lv lc;\
    1 qf lw lc;1 qf lv ld;1 qf lw ld;1 qf lv n6;1 qf lw n6;1 pj lv;1 pj lw;1 pj lv lc;1 pj lw lc;1 pj lv ld;1 pj \
    lw ld;1 pj lv n6;1 pj lw n6;1 qh lv;1 qh lw;1 qh lv lc;1 qh lw lc;1 qh lv ld;1 qh lw ld;1 qh lv n6;1 qh lw n6;\
    1 pl lv;1 pl lw;1 pl lv lc;1 pl lw lc;1 pl lv ld;1 pl lw ld;1 pl lv n6;1 pl lw n6;1 qn lv;1 qn lw;1 qn lv lc;\
    1 qn lw lc;1 qn lv ld;1 qn lw ld;3 pr lv;1 pr lw;1 pr lv lc;1 pr lw lc;1 pr lv ld;1 pr lw ld;3 qt lv;1 qt lw;\
    1 qt lv lc;1 qt lw lc;1 qt lv ld;1 qt lw ld;1 qt lv n6;1 qt lw n6;2 px lw;2 px lw lc;2 px lw ld;2 px lw n6;1 \
    qx lv;1 qx lw;1 qx lv lc;1 qx lw lc;1 qx lv ld;1 qx lw ld;1 qx lv n6;1 qx lw n6;1 q1 lv;1 q1 lw;1 q1 lv lc;1 \
    q1 lw lc;1 q1 lv ld;1 q1 lw ld;1 q1 lv n6;1 q1 lw n6;1 q9 lc;1 q9 ld;1 qd lc;1 qd ld;1 qf lc;1 qf ld;1 qh lc;\
    1 qh ld;1 qn lc;1 qn ld;1 qt lc;1 qt ld;1 qx lc;1 qx ld;3 q9 lv n9;1 q9 lw n9;1 q9 lv lc n9;1 q9 lw lc n9;1 \
    q9 lv ld n9;1 q9 lw ld n9;1 q9 lv n6 n9;1 q9 lw n6 n9;1 pd lv n9;1 pd lw n9;1 pd lv lc n9;1 pd lw lc n9;1 pd \
    lv ld n9;1 pd lw ld n9;1 pd lv n6 n9;1 pd lw n6 n9;1 qf lv n9;1 qf lw n9;1 qf lv lc n9;1 qf lw lc n9;1 qf lv \
    ld n9;1 qf lw ld n9;1 qf lv n6 n9;1 qf lw n6 n9;1 pj lv n9;1 pj lw n9;1 pj lv lc n9;1 pj lw lc n9;1 pj lv ld \
    n9;1 pj lw ld n9;1 pj lv n6 n9;1 pj lw n6 n9;1 qx lv n9;1 qx lw n9;1 qx lv lc n9;1 qx lw lc n9;1 qx lv ld n9;\
    1 qx lw ld n9;1 qx lv n6 n9;1 qx lw n6 n9;1 q1 lv n9;1 q1 lw n9;1 q1 lv lc n9;1 q1 lw lc n9;1 q1 lv ld n9;1 \
    q1 lw ld n9;1 q1 lv n6 n9;1 q1 lw n6 n9;1 q9 li;1 q9 lg;1 q9 lc n9;1 q9 n9;1 q9 ld n9;2 q9 n6;1 q9 n6 n9;1 pd \
    li;1 pd lg;1 pd lc;1 pd ld;1 pd n9;2 qh;3 4o n6;1 qf lc n9;1 qf n9;1 qf ld n9;2 qf n6;1 qf n6 n9;1 ph lc;1 ph \
    ld;1 pj lc;1 pj ld;1 pj n9;1 69r lc;1 69r ld;1 69r n6;1 qh li;1 qh lg;1 qh lk lc;1 qh lk ld;3 qh n6;1 qh lk \
    n6;1 pl li;1 pl lg;1 pl lc;1 pl ld;2 6bi lc;1 6bi ld;1 6bi n6;1 qt li;1 qt lg;1 qt lk lc;1 qt lk ld;1 qp lv;\
    1 qp lw;1 qt n6;1 qt lk n6;1 px li;1 px lg;1 px lc;1 px ld;1 pt lw;1 4o lc;1 4o ld;1 2o;3 qx lc n9;1 qx n9;1 \
    qx ld n9;2 qx n6;1 qx n6 n9;1 pr lc;1 pr ld;1 q1 lc;1 q1 ld;1 q1 n9;1 50;3 6bm;1 6bn;85 q1;4 23;1 1t lm;33 6mo \
    mw;1 6mq mw;j 6ms mw;v 6og mw;1 6ok mw;1 6oi mw;1h 6pv mw;5 6q0 mw;3 6q3 mw;o 6qr mw;2 6qt mw;r 6rg mw;3 6rn \
    mw;3 6rp mw;2 6rs mw;n 1p mw;2 6sh mw;b 6rx mw;1 1o mw;1 1q mw;1 6sk mw;1 6sl mw;3 6sy mw;1 6sz mw;3 6t2 mw;\
    1 6t3 mw;7 6t6 mw;1 6t7 mw;3 6te mw;1 6tf mw;3 6ti mw;1 6tj mw;z 6ua mw;1 6ug mw;1 6uh mw;1 6uj mw;1d 6t8 mw;\
    1 6t9 mw;1 6tt mw;1 6tu mw;7 6uq mw;1 6ur mw;1 6us mw;1 6ut mw;1o 9hk;1 9hl;1iq 8gt mw;12o 9jf 9ll;2 9jh 9ll;\
    2 9jj 9ll;2 9jl 9ll;2 9jn 9ll;2 9jp 9ll;2 9jr 9ll;2 9jt 9ll;2 9jv 9ll;2 9jx 9ll;2 9jz 9ll;2 9k1 9ll;3 9k4 9ll;\
    2 9k6 9ll;2 9k8 9ll;7 9kf 9ll;1 9kf 9lm;2 9ki 9ll;1 9ki 9lm;2 9kl 9ll;1 9kl 9lm;2 9ko 9ll;1 9ko 9lm;2 9kr 9ll;\
    1 9kr 9lm;n 9ja 9ll;a 9lp 9ll;e 9m3 9ll;2 9m5 9ll;2 9m7 9ll;2 9m9 9ll;2 9mb 9ll;2 9md 9ll;2 9mf 9ll;2 9mh 9ll;\
    2 9mj 9ll;2 9ml 9ll;2 9mn 9ll;2 9mp 9ll;3 9ms 9ll;2 9mu 9ll;2 9mw 9ll;7 9n3 9ll;1 9n3 9lm;2 9n6 9ll;1 9n6 9lm;\
    2 9n9 9ll;1 9n9 9lm;2 9nc 9ll;1 9nc 9lm;2 9nf 9ll;1 9nf 9lm;n 9ly 9ll;3 9nz 9ll;1 9o0 9ll;1 9o1 9ll;1 9o2 9ll;\
    4 9od 9ll;13ia rpk;1 kc4;1 s7e;1 rt4;1 lw1;1 fg2;1 gkl;1 vj0;1 vj0;1 hn5;1 ssx;1 gw7;1 hmw;1 jcm;1 ne1;1 p6t;\
    1 qin;1 qt6;1 r20;1 sjz;1 kxu;1 ljv;1 mah;1 mvy;1 q4d;1 sq2;1 uep;1 fia;1 ghh;1 l50;1 mjf;1 qi5;1 v8e;1 ifk;\
    1 m3v;1 qfh;1 r50;1 jih;1 pnc;1 qvz;1 iq2;1 kd3;1 lm2;1 mpo;1 slq;1 fpi;1 g53;1 gda;1 jwk;1 l3n;1 mj4;1 nhj;\
    1 pa9;1 qh2;1 qjg;1 s1b;1 tv6;1 upb;1 v7e;1 nt8;1 nzz;1 otc;1 q15;1 t1g;1 vb3;1 rfa;1 hjz;1 iro;1 okg;1 pdq;\
    1 mle;1 nuy;1 rsy;1 ttj;1 hjs;1 i8y;1 kyb;1 lp6;1 lxr;1 oq7;1 oxj;1 tor;1 gcy;1 pe3;1 g64;1 g5o;1 o4c;1 ou6;\
    1 q29;1 tpx;1 rk0;1 jin;1 kxu;1 rge;1 fg9;1 i5j;1 iz6;1 mtj;1 n74;1 gev;1 nwb;1 fr3;1 iw9;1 ff1;1 lho;1 k1k;\
    1 opu;1 gjn;1 hge;1 ni9;1 q4p;1 re2;1 la2;1 sds;1 lfs;1 jjy;1 put;1 jog;1 n6t;1 fji;1 g2x;1 g5l;1 kn5;1 oo7;\
    1 prj;1 rf6;1 ssv;1 gdx;1 gn6;1 ho3;1 ir0;1 k3p;1 m4e;1 nxm;1 tkd;1 ui2;1 vbr;1 vda;1 gbf;1 kau;1 l87;1 sbm;\
    1 ino;1 j9s;1 jcw;1 jve;1 lyb;1 mdl;1 n0p;1 o22;1 ovo;1 pdb;1 s9y;1 q9a;1 sgz;1 t3e;1 g7r;1 gbn;1 gql;1 ma0;\
    1 r0i;1 re2;1 iq1;1 iyd;1 jnf;1 l9q;1 oji;1 mt1;1 fl0;1 h6h;1 i5j;1 iii;1 izg;1 muq;1 mzt;1 p7e;1 pc6;1 svo;\
    1 tti;1 tvs;1 u1k;1 fpn;1 o1a;1 ss4;1 trs;1 j4x;1 fie;1 fyy;1 i5q;1 i7z;1 k2h;1 kxu;1 mha;1 ncy;1 q9o;1 sjg;\
    1 vil;1 k94;1 tny;1 gax;1 kfv;1 kj7;1 lkx;1 luk;1 mx5;1 n6h;1 nsb;1 opc;1 u3i;1 g31;1 je6;1 tq0;1 fu3;1 ie1;\
    1 lpm;1 sa2;1 ivf;1 j7o;1 kk7;1 mtj;1 tqe;1 g89;1 glr;1 i91;1 k5v;1 kem;1 ko8;1 lid;1 mx2;1 naa;1 p6h;1 r0v;\
    1 r1d;1 sss;1 tsy;1 gfz;1 lve;1 gm5;1 mhc;1 n14;1 qgq;1 tr7;1 uvr;1 vbz;1 kgn;1 lor;1 pns;1 o97;1 obk;1 olu;\
    1 mo0;1 m8p;1 riw;1 fk0;1 px2;1 g8q;1 g7b;1 ip2;1 jir;1 onq;1 i2t;1 ljy;1 kac;1 saj;1 qx8;1 tot;1 r63;1 iqb;\
    1 g1s;1 gxs;3 hga;2 k8k;3 g66;1 mqy;1 ngq;1 ny4;1 nz2;1 nz9;1 o0f;1 tw6;1 on2;1 p8d;2 qhe;2 rg8;3 shk;1 sn1;\
    4 u7j;1 u7w;1 u94;1 v5g;1 sm6;1 trr;1 fqm;1 fzb;1 g25;1 gcp;1 gdg;1 ggh;1 gwt;1 gzq;1 h2g;1 hfk;1 hig;1 i90;\
    1 i9a;1 j2s;1 j8o;1 j9q;1 jci;1 k0f;1 k4i;1 k9d;1 kn9;1 lmf;1 lqy;1 lya;1 mem;1 mjv;1 mxu;1 ntd;1 ny6;1 nyh;\
    1 nyg;1 nyo;1 nyu;1 nz1;1 o0d;1 o0e;1 o5c;1 o75;1 og0;1 ovo;1 ow9;1 oxt;1 p6a;1 pad;1 pnx;1 prt;1 prt;1 q53;\
    1 r2o;1 r6e;1 rgh;1 ri1;1 rtf;1 ruw;1 sdy;1 shk;1 tsz;1 u0v;1 u2j;1 j1x;1 36cu;1 pp4;3 ffq;1 g51;1 g2w;1 fpc;\
    1 g1x;1 g3k;1 gcn;1 ge2;1 gwt;1 gut;1 gwp;1 gyq;1 hga;1 hir;1 hms;1 hn8;1 huq;1 i08;1 iqa;1 iqh;1 iuh;1 iwd;\
    1 j4o;1 j7y;1 j60;1 j9q;1 j8g;1 jci;1 jec;1 jpg;1 jrw;1 jte;1 k0m;1 k8k;1 kd3;1 kd7;1 keu;1 l89;1 la2;1 lkx;\
    1 lwb;1 lvv;1 lya;1 m5a;1 mem;1 nmv;1 mk5;1 mnj;1 mqy;1 n01;1 n46;1 n5n;1 nbx;1 nbz;1 ngq;1 nh7;1 nhw;1 nka;\
    1 nk0;1 nv0;1 o8h;1 og0;1 ol7;1 orf;1 ovo;1 p4u;1 pad;1 pxu;1 q27;1 qrd;1 r41;1 r5y;1 r6e;1 ren;1 rg8;1 rez;\
    1 rgh;1 rge;1 rfx;1 ri1;1 rka;1 ruw;1 sag;1 sj6;1 srd;1 sxi;1 tq4;1 tsz;1 tw6;1 tzv;1 u0v;1 u17;1 u2j;1 umq;\
    1 vj0;1 313e;1 3138;1 33dh;1 brx;1 cns;1 cop;1 39e1;1 3bgw;1 3i6r;1 vgj;1 vim;1w 15l 14k;2 16a 14n;b 161 14x;\
    1 161 14y;1 161 14s 14x;1 161 14s 14y;1 15c 14n;1 15c 14o;1 15c 14s;1 15d 14s;1 15e 14s;1 15f 14s;1 15g 14s;\
    1 15h 14s;1 15i 14s;2 15k 14s;1 15l 14s;1 15m 14s;1 15n 14s;1 15o 14s;2 15q 14s;2 15s 14s;1 15t 14s;2 15v 14s;\
    1 15w 14s;2 15y 14s;1 15z 14s;1 160 14s;1 161 14s;1 162 14s;1 15h 14p;1 15d 14v;1 15n 14v;1 15w 14v;47g 1huh \
    1hve;2 1huj 1hve;f 1hut 1hve;3n 1hyp 1hyf;1 1hyq 1hyf;f0 1idj 1ida;1 1idj 1idz;a7 1int 1inu;1 1int 1ink;2 1int \
    1inx;70 1iuw 1iun;1 1iux 1iun;112b 2jx3 2jxh;1 2jx4 2jxh;1 2jx4 2jxh 2jxq;1 2jx4 2jxh 2jxr;1 2jx4 2jxh 2jxs;\
    1 2jx4 2jxh 2jxt;1 2jx4 2jxh 2jxu;2f 2jzt 2jxh;1 2jzu 2jxh;1 2jzt 2jxh 2jxq;1 2jzu 2jxh 2jxq;1 2jzt 2jxh 2jxr;\
    1 2jzu 2jxh 2jxr;1m4g fgd;1 fg8;1 fgh;1 2tcy;1 fog;1 fqm;1 fqz;1 fsy;1 fwa;1 fx5;1 fzb;1 fyn;1 ae6;1 2ud6;1 \
    g25;1 g2c;1 g2s;1 g3b;1 2u58;1 aex;1 g2v;1 g3x;1 2u6j;1 g47;1 g4k;1 fkc;1 g4s;1 g51;1 3ly7;1 g6t;1 g77;1 afz;\
    1 g8r;1 g92;1 gaa;1 gaf;1 ahh;1 gcn;1 gcp;1 gdg;1 ge2;1 ged;1 gee;1 gev;1 gg9;1 ggh;1 ggq;1 ghf;1 ghp;1 ghr;\
    1 ghr;1 ghr;1 2v58;1 m7k;1 gju;1 gkf;1 2vdv;1 gkr;1 gkx;1 gli;1 gpq;1 gmw;1 gnc;1 go8;1 gpu;1 gs6;1 gsw;1 gur;\
    1 gv7;1 gw4;1 gw4;1 gwp;1 gx7;1 gxf;1 gxu;1 h7a;1 gzq;1 h7b;1 h1t;1 h2s;1 g7b;1 hke;1 hce;1 hdg;1 he5;1 haj;\
    1 hf6;1 hf5;1 hik;1 2x9g;1 hki;1 hkn;1 hl2;1 hlm;1 hlu;1 hnm;1 2xm0;1 2xnu;1 hrg;1 hsr;1 ht3;1 hqw;1 huu;1 aum;\
    1 av0;1 hzc;1 i0u;1 i0u;1 2y88;1 i4j;1 i54;1 i5j;1 i5v;1 2yhk;1 i67;1 i6e;1 itv;1 i76;1 ayp;1 i8w;1 i9a;1 ibk;\
    1 ia5;1 2z1g;1 if7;1 2z1i;1 ige;1 igb;1 igs;1 ijl;1 ijm;1 b3j;1 ikd;1 ilk;1 im5;1 ind;1 b4y;1 2zr7;1 b5o;1 ipc;\
    1 ipf;1 ipi;1 iq2;1 3pg2;1 iri;1 3035;1 3035;1 poh;1 isi;1 isi;1 b7r;1 335k;1 3cgq;1 iua;1 iuj;1 b8j;1 ivu;1 \
    ix9;1 ixj;1 iyh;1 j29;1 bay;1 ba4;1 j2s;1 30t0;1 j47;1 j7s;1 j7w;1 j7y;1 j7w;1 j96;1 j9q;1 jaq;1 jac;1 jan;1 \
    jby;1 jci;1 jcm;1 jdc;1 jdn;1 jfh;1 jht;1 jis;1 jm8;1 31n0;1 jlp;1 jjw;1 jmw;1 jnn;1 jqc;1 31td;1 js2;1 jph;\
    1 jop;1 bhq;1 ju1;1 jum;1 jvh;1 juf;1 bjg;1 k0f;1 k18;1 32mi;1 k4j;1 kc8;1 k7d;1 bo9;1 k9d;1 bns;1 bms;1 g42;\
    1 g45;1 kcg;1 k9o;1 pf1;1 deh;1 kd3;1 kd7;1 kdd;1 kf2;1 ker;1 33cz;1 bpl;1 kje;1 kg5;1 klu;1 kn9;1 33hp;1 kni;\
    1 kkf;1 kr8;1 brx;1 ksi;1 kv7;1 kx6;1 l2g;1 33xf;1 l3v;1 bvc;1 l5t;1 34br;1 l78;1 bwu;1 l82;1 l9b;1 la2;1 la3;\
    1 34p9;1 2yvf;1 34sa;1 le6;1 354s;1 lhb;1 lhp;1 lev;1 ljq;1 lku;1 lmf;1 lkx;1 lm1;1 lmg;1 lmt;1 357i;1 lkk;1 \
    lrj;1 lta;1 c37;1 lvv;1 lvr;1 35jl;1 lq1;1 m0e;1 35ni;1 35ou;1 m2u;1 m61;1 m5a;1 m57;1 c5y;1 m6i;1 m7x;1 m7r;\
    1 m99;1 2u5h;1 mdh;1 368z;1 mfw;1 36i3;1 mjs;1 mk5;1 mkw;1 36yw;1 mm8;1 mmt;1 3779;1 37dg;1 mt6;1 mtn;1 cdo;\
    1 mud;1 ce0;1 ce0;1 myv;1 mzg;1 n01;1 n0l;1 n2i;1 cgr;1 n50;1 386u;1 n5q;1 389e;1 n74;1 2zrz;1 nbk;1 38v5;1 \
    38vs;1 38zo;1 cn0;1 cnc;1 nhw;1 394j;1 394i;1 395l;1 396b;1 nj2;1 nj3;1 nj3;1 nka;1 cop;1 nm3;1 cp2;1 cra;1 \
    39r1;1 nri;1 nt8;1 nv0;1 ctf;1 3a5i;1 nyu;1 3a8q;1 3a9x;1 o0f;1 o2z;1 cvj;1 o5c;1 o5m;1 o5r;1 3at8;1 3b1j;1 \
    3b1j;1 oa6;1 d1e;1 3b8r;1 og6;1 og9;1 d2f;1 3beo;1 onm;1 d5s;1 oo8;1 oo3;1 oow;1 3c06;1 orn;1 d8h;1 ouf;1 ow2;\
    1 oxx;1 d9w;1 3ciw;1 3cjr;1 dax;1 3cnt;1 p6i;1 3cqm;1 p79;1 pa2;1 pad;1 3d22;1 3d43;1 pcw;1 3d7s;1 pdc;1 33a7;\
    1 ded;1 pf6;1 phf;1 dfv;1 pj2;1 hx1;1 3dlz;1 3dmd;1 33bn;1 33bw;1 poh;1 pok;1 sda;1 dij;1 psh;1 psb;1 pst;1 \
    gc3;1 ptd;1 ptf;1 ptp;1 puu;1 3ebg;1 put;1 pwd;1 pyb;1 q0d;1 pwj;1 q0t;1 q1z;1 q53;1 pxv;1 q16;1 q18;1 q1o;1 \
    3eie;1 3eqz;1 3emt;1 dnv;1 q9d;1 q9f;1 qae;1 3g0a;1 qck;1 3f3g;1 dp9;1 dpd;1 3f75;1 3ff6;1 dpn;1 qj4;1 qjg;1 \
    qjr;1 qjt;1 qll;1 qko;1 qoe;1 qn6;1 qrd;1 qp4;1 qqz;1 qrq;1 dsn;1 qu9;1 qv5;1 dtl;1 qxs;1 qxv;1 3giv;1 r13;1 \
    r1a;1 dv9;1 r22;1 aez;1 3gz2;1 3h46;1 dz2;1 dzb;1 rds;1 rfx;1 rka;1 rpx;1 3hrc;1 rsb;1 rsx;1 rvf;1 rxz;1 3i9b;\
    1 2upw;1 s0b;1 rzw;1 s1c;1 2uvy;1 s7o;1 sag;1 3jki;1 3jl9;1 sk4;1 smp;1 snl;1 3ju6;1 snv;1 svs;1 t07;1 t08;1 \
    sxo;1 t89;1 t91;1 3ksa;1 tjf;1 ej9;1 tkn;1 3l2v;1 eli;1 ts3;1 iia;1 tur;1 3ltx;1 3lzu;1 epa;1 epi;1 u00;1 3mdm;\
    1 er6;1 3mhi;1 u17;1 u17;1 u21;1 3mpi;1 u76;1 eur;1 u95;1 ucn;1 ude;1 uf2;1 ez2;1 3nsg;1 umq;1 uv4;1 v0d;1 f66;\
    1 f71;1 v3b;1 3owe;1 f7c;1 3oxx;1 3p5a;1 3p8x;1 vcr;1 f9y;1 veh;1 vem;1 vet;1 vf3;1 vfa;1 vgb;1 3pxc
    """

  /// Full compatibility decompositions where they differ.
  static let compatible: StaticString = """
    4g w;8 w lk;2 2p;5 w lg;3 1e;1 1f;1 w ld;1 qk;3 w mf;1 1d;1 33;2 1d 6dg 1g;1 1d 6dg 1e;1 1f 6dg 1g;38 21 22;\
    1 2x 2y;c 24 53;1 30 53;9 jg 32;1i 37;1x 1w 2i lo;1 1w 3e lo;1 2s 3e lo;1 24 22;1 24 2y;1 30 2y;1 26 22;1 26 \
    2y;1 32 2y;11 1w 2i;1 1w 3e;1 2s 3e;59 2w;1 h2;1 2y;1 36;1 hl;1 hn;1 ht;1 3b;1 3d;w w li;1 w lj;1 w lm;1 w mg;\
    1 w lf;1 w ln;3 gz;1 30;1 37;1 3c;1 id;46 w n9;a w ld;1 w lk ld;23 qa;1 qg;1 px;1 px ld;1 px lk;1 qu;1 qo;q \
    qi;1 qp;1 qq;2 pk;1 qd;4 pv;b2 12d 136;6m 17r 19w;1 18o 19w;1 1c7 19w;1 18q 19w;1iz 2tp 2sy;3k 2x9 2wi;15 2wb \
    2vt;1 2wb 2w1;1b 2yz;2z 33m 31t 328;2 33n 31t 328;ar 3bw;2eo 1t;1 5i;1 1u;2 1w;1 1x;1 b2;1 1z;1 20;1 21;1 22;\
    1 23;1 24;1 25;1 26;2 27;1 f6;1 28;1 2a;1 2c;1 2d;1 2f;1 2p;1 gg;1 gh;1 5qa;1 2q;1 2s;1 2t;1 gp;1 gr;1 gs;1 \
    2v;2 2z;1 31;1 97;1 33;1 gk;1 5qu;1 5qv;1 34;1 38;1 39;1 5r1;1 hb;1 3a;1 5r9;1 qa;1 qb;1 qc;1 qu;1 qv;1 2x;1 \
    36;1 39;1 3a;1 qa;1 qb;1 qp;1 qu;1 qv;e u5;z gi;1 2r;1 gl;1 6o;1 gs;1 2u;1 gv;1 gx;1 h1;1 h4;1 h5;1 h6;1 5tn;\
    1 il;1 h9;1 5tx;1 in;1 hd;1 hc;1 he;1 hf;1 hg;1 hh;1 hk;1 hu;1 hv;1 bv;1 i1;1 i2;1 5r0;1 i3;1 i4;1 3e;1 i8;1 \
    i9;1 ia;1 qg;63 2p ji;1 37 lj;82 w lv;2 w lv;1 w n6;1 w lk n6;c w lv lc;1 w lv ld;1 w lv n6;e w lw lc;1 w lw \
    ld;1 w lw n6;e w lk lc;1 w lk ld;f w ld;1 w lw;2 w;1 w;1 w;1 w;1 w;1 w;1 w;1 w;1 w;1 w;1 w;7 6c0;6 w mr;d 1a;\
    1 1a 1a;1 1a 1a 1a;9 w;4 6cy 6cy;1 6cy 6cy 6cy;2 6d1 6d1;1 6d1 6d1 6d1;5 x x;2 w lh;9 1r 1r;1 1r x;1 x 1r;e \
    6cy 6cy 6cy 6cy;8 w;h 1c;1 2x;3 1g;1 1h;1 1i;1 1j;1 1k;1 1l;1 17;1 6qa;1 1p;1 14;1 15;1 32;1 1c;1 1d;1 1e;1 \
    1f;1 1g;1 1h;1 1i;1 1j;1 1k;1 1l;1 17;1 6qa;1 1p;1 14;1 15;2 2p;1 2t;1 33;1 3c;1 gp;1 2w;1 2z;1 30;1 31;1 32;\
    1 34;1 37;1 38;c 2a 37;2g 2p 1b 2r;1 2p 1b 37;1 1v;1 4w 1v;2 2r 1b 33;1 2r 1b 39;1 b4;2 4w 1y;1 2v;1 20;1 20;\
    1 20;1 2w;1 87;1 21;1 21;1 24;1 30;2 26;1 26 33;3 28;1 29;1 2a;1 2a;1 2a;3 2b 25;1 2c 1x 24;1 2c 25;2 2i;4 2i;\
    4 1u;1 1v;2 2t;1 1x;1 1y;2 25;1 33;1 15c;1 15d;1 15e;1 15f;1 2x;2 1y 1t 2g;1 qo;1 qb;1 pf;1 ps;1 6q9;5 1w;1 \
    2s;1 2t;1 2x;1 2y;7 1d 6dg 1j;1 1d 6dg 1l;1 1d 6dg 1d 1c;1 1d 6dg 1f;1 1e 6dg 1f;1 1d 6dg 1h;1 1e 6dg 1h;1 1f \
    6dg 1h;1 1g 6dg 1h;1 1d 6dg 1i;1 1h 6dg 1i;1 1d 6dg 1k;1 1f 6dg 1k;1 1h 6dg 1k;1 1j 6dg 1k;1 1d 6dg;1 21;1 21 \
    21;1 21 21 21;1 21 2e;1 2e;1 2e 21;1 2e 21 21;1 2e 21 21 21;1 21 2g;1 2g;1 2g 21;1 2g 21 21;1 24;1 1v;1 1w;1 \
    25;1 2x;1 2x 2x;1 2x 2x 2x;1 2x 3a;1 3a;1 3a 2x;1 3a 2x 2x;1 3a 2x 2x 2x;1 2x 3c;1 3c;1 3c 2x;1 3c 2x 2x;1 30;\
    1 2r;1 2s;1 31;a 1c 6dg 1f;4j 6qz 6qz;1 6qz 6qz 6qz;2 6r2 6r2;1 6r2 6r2 6r2;fk 1d;1 1e;1 1f;1 1g;1 1h;1 1i;1 \
    1j;1 1k;1 1l;1 1d 1c;1 1d 1d;1 1d 1e;1 1d 1f;1 1d 1g;1 1d 1h;1 1d 1i;1 1d 1j;1 1d 1k;1 1d 1l;1 1e 1c;1 14 1d \
    15;1 14 1e 15;1 14 1f 15;1 14 1g 15;1 14 1h 15;1 14 1i 15;1 14 1j 15;1 14 1k 15;1 14 1l 15;1 14 1d 1c 15;1 14 \
    1d 1d 15;1 14 1d 1e 15;1 14 1d 1f 15;1 14 1d 1g 15;1 14 1d 1h 15;1 14 1d 1i 15;1 14 1d 1j 15;1 14 1d 1k 15;1 \
    14 1d 1l 15;1 14 1e 1c 15;1 1d 1a;1 1e 1a;1 1f 1a;1 1g 1a;1 1h 1a;1 1i 1a;1 1j 1a;1 1k 1a;1 1l 1a;1 1d 1c 1a;\
    1 1d 1d 1a;1 1d 1e 1a;1 1d 1f 1a;1 1d 1g 1a;1 1d 1h 1a;1 1d 1i 1a;1 1d 1j 1a;1 1d 1k 1a;1 1d 1l 1a;1 1e 1c 1a;\
    1 14 2p 15;1 14 2q 15;1 14 2r 15;1 14 2s 15;1 14 2t 15;1 14 2u 15;1 14 2v 15;1 14 2w 15;1 14 2x 15;1 14 2y 15;\
    1 14 2z 15;1 14 30 15;1 14 31 15;1 14 32 15;1 14 33 15;1 14 34 15;1 14 35 15;1 14 36 15;1 14 37 15;1 14 38 15;\
    1 14 39 15;1 14 3a 15;1 14 3b 15;1 14 3c 15;1 14 3d 15;1 14 3e 15;1 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 \
    21;1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;1 2s;\
    1 2t;1 2u;1 2v;1 2w;1 2x;1 2y;1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;\
    1 1c;10i 6qz 6qz 6qz 6qz;2w 1m 1m 1p;1 1p 1p;1 1p 1p 1p;ee 2y;1 2e;6q 8yp;8g lal;2c vj3;d feo;1 ffs;1 fg6;1 \
    fgf;1 fh5;1 fid;1 fik;1 fj4;1 fju;1 g1r;1 g2t;1 g2z;1 g3m;1 g46;1 g4r;1 g68;1 g6t;1 g74;1 gbf;1 ge1;1 get;1 \
    gey;1 gfs;1 gg1;1 ggs;1 gh5;1 ghu;1 gja;1 gjs;1 gkj;1 h5j;1 h7j;1 hkb;1 hky;1 hl6;1 hlh;1 hlz;1 ho3;1 i1c;1 \
    i2o;1 i60;1 i6n;1 i76;1 i7s;1 i9a;1 i9d;1 ijf;1 ijp;1 ik1;1 ike;1 inm;1 inu;1 inz;1 ir8;1 iri;1 irv;1 is3;1 \
    its;1 iu9;1 iur;1 iwz;1 jd4;1 jee;1 jez;1 jzj;1 jzo;1 k1z;1 k2f;1 k2s;1 k3d;1 k4g;1 k4l;1 kc0;1 kco;1 kdk;1 \
    l5s;1 l7m;1 l89;1 l9v;1 laj;1 las;1 laz;1 lcf;1 lck;1 ldg;1 m7f;1 mju;1 mk6;1 mkb;1 mkf;1 mkn;1 ml5;1 ml7;1 \
    mng;1 mtg;1 mtl;1 n30;1 n3a;1 n4o;1 n4v;1 n54;1 n5c;1 n7v;1 n82;1 nee;1 nel;1 nfy;1 ngf;1 nhq;1 nob;1 noi;1 \
    noz;1 ny2;1 o1k;1 o1q;1 o6s;1 o97;1 oah;1 okz;1 ooo;1 p4m;1 p5d;1 p6y;1 p8d;1 pa9;1 pak;1 paq;1 pbn;1 pdr;1 \
    pe1;1 pnn;1 pnu;1 po3;1 poc;1 pos;1 pp7;1 ppb;1 pri;1 prm;1 prs;1 qj1;1 qjv;1 qww;1 qx8;1 qxv;1 r5q;1 r63;1 \
    r82;1 r9c;1 rp3;1 rpi;1 rpx;1 rqw;1 rrx;1 rxg;1 rxs;1 rzn;1 s6j;1 s7e;1 sd7;1 sds;1 sdx;1 sk1;1 sp5;1 ssm;1 \
    sss;1 ssx;1 tiv;1 tj4;1 tng;1 trq;1 trt;1 tt4;1 tw1;1 twe;1 twi;1 twp;1 tzf;1 u0d;1 u0j;1 u0x;1 u5k;1 u6z;1 \
    u73;1 uc6;1 uc9;1 ucs;1 ujs;1 ul4;1 ulb;1 un9;1 unj;1 unm;1 unw;1 uoq;1 uzp;1 vat;1 vb3;1 vc5;1 vcr;1 vcz;1 \
    vd9;1 vdd;1 veh;1 vel;1 vf2;1 vf7;1 vfk;1 vgb;1 vgq;1 vgy;1 vil;1 vj0;1 vj4;17 w;1i 9hu;2 gg1;1 gg4;1 gg5;2p \
    w 9ll;1 w 9lm;3 9l4 9l6;2o 9mb 9mw;1e 3cw;1 3cx;1 3hm;1 3cy;1 3ho;1 3hp;1 3cz;1 3d0;1 3d1;1 3hs;1 3ht;1 3hu;\
    1 3hv;1 3hw;1 3hx;1 3dm;1 3d2;1 3d3;1 3d4;1 3dt;1 3d5;1 3d6;1 3d7;1 3d8;1 3d9;1 3da;1 3db;1 3dc;1 3dd;1 3de;\
    1 3fl;1 3fm;1 3fn;1 3fo;1 3fp;1 3fq;1 3fr;1 3fs;1 3ft;1 3fu;1 3fv;1 3fw;1 3fx;1 3fy;1 3fz;1 3g0;1 3g1;1 3g2;\
    1 3g3;1 3g4;1 3g5;1 3fk;1 3dg;1 3dh;1 3if;1 3ig;1 3ik;1 3im;1 3ir;1 3iv;1 3ix;1 3do;1 3j1;1 3j3;1 3dp;1 3dq;\
    1 3ds;1 3du;1 3dv;1 3dz;1 3e1;1 3e3;1 3e4;1 3e5;1 3e6;1 3e7;1 3ea;1 3ee;1 3eo;1 3ev;1 3f0;1 3jl;1 3jm;1 3fb;\
    1 3fc;1 3fd;1 3gk;1 3gl;1 3go;1 3gx;1 3gy;1 3h0;1 3ha;1 3hd;4 feo;1 fik;1 fex;1 h5n;1 fey;1 ffx;1 fez;1 n5e;\
    1 fh5;1 ffd;1 fep;1 hm1;1 h80;1 fju;2p 14 3cw 15;1 14 3cy 15;1 14 3cz 15;1 14 3d1 15;1 14 3d2 15;1 14 3d3 15;\
    1 14 3d5 15;1 14 3d7 15;1 14 3d8 15;1 14 3da 15;1 14 3db 15;1 14 3dc 15;1 14 3dd 15;1 14 3de 15;1 14 3cw 3fl \
    15;1 14 3cy 3fl 15;1 14 3cz 3fl 15;1 14 3d1 3fl 15;1 14 3d2 3fl 15;1 14 3d3 3fl 15;1 14 3d5 3fl 15;1 14 3d7 \
    3fl 15;1 14 3d8 3fl 15;1 14 3da 3fl 15;1 14 3db 3fl 15;1 14 3dc 3fl 15;1 14 3dd 3fl 15;1 14 3de 3fl 15;1 14 \
    3d8 3fy 15;1 14 3d7 3ft 3d8 3fp 3hn 15;1 14 3d7 3ft 3de 3fy 15;2 14 feo 15;1 14 fik 15;1 14 fex 15;1 14 h5n \
    15;1 14 fis 15;1 14 g31 15;1 14 fer 15;1 14 g2z 15;1 14 fh9 15;1 14 gg1 15;1 14 kco 15;1 14 m7f 15;1 14 ldg \
    15;1 14 kdk 15;1 14 ssx 15;1 14 h7j 15;1 14 k4l 15;1 14 kkq 15;1 14 kcp 15;1 14 ny6 15;1 14 glp 15;1 14 mm1 \
    15;1 14 rs1 15;1 14 nz1 15;1 14 gc4 15;1 14 fkz 15;1 14 gos 15;1 14 i1y 15;1 14 nhf 15;1 14 flt 15;1 14 rt3 \
    15;1 14 ggk 15;1 14 nzh 15;1 14 fm9 15;1 14 pnu 15;1 14 po3 15;1 gun;1 inw;1 k1z;1 oen;9 28 2c 1x;1 1e 1d;1 \
    1e 1e;1 1e 1f;1 1e 1g;1 1e 1h;1 1e 1i;1 1e 1j;1 1e 1k;1 1e 1l;1 1f 1c;1 1f 1d;1 1f 1e;1 1f 1f;1 1f 1g;1 1f 1h;\
    1 3cw;1 3cy;1 3cz;1 3d1;1 3d2;1 3d3;1 3d5;1 3d7;1 3d8;1 3da;1 3db;1 3dc;1 3dd;1 3de;1 3cw 3fl;1 3cy 3fl;1 3cz \
    3fl;1 3d1 3fl;1 3d2 3fl;1 3d3 3fl;1 3d5 3fl;1 3d7 3fl;1 3d8 3fl;1 3da 3fl;1 3db 3fl;1 3dc 3fl;1 3dd 3fl;1 3de \
    3fl;1 3da 3fl 3hz 3cw 3ft;1 3d8 3fy 3d7 3g4;1 3d7 3fy;2 feo;1 fik;1 fex;1 h5n;1 fis;1 g31;1 fer;1 g2z;1 fh9;\
    1 gg1;1 kco;1 m7f;1 ldg;1 kdk;1 ssx;1 h7j;1 k4l;1 kkq;1 kcp;1 ny6;1 glp;1 mm1;1 rs1;1 nz1;1 gc4;1 o2g;1 n5j;\
    1 ho3;1 six;1 g16;1 ghc;1 lig;1 u11;1 fm9;1 g49;1 l7n;1 fey;1 ffx;1 fez;1 ijq;1 gkz;1 gfv;1 i3b;1 i1y;1 nhf;\
    1 flt;1 rt3;1 ggk;1 hlo;1 1f 1i;1 1f 1j;1 1f 1k;1 1f 1l;1 1g 1c;1 1g 1d;1 1g 1e;1 1g 1f;1 1g 1g;1 1g 1h;1 1g \
    1i;1 1g 1j;1 1g 1k;1 1g 1l;1 1h 1c;1 1d kco;1 1e kco;1 1f kco;1 1g kco;1 1h kco;1 1i kco;1 1j kco;1 1k kco;1 \
    1l kco;1 1d 1c kco;1 1d 1d kco;1 1d 1e kco;1 20 2v;1 2t 36 2v;1 2t 2e;1 24 2c 1w;1 9lu;1 9lw;1 9ly;1 9m0;1 9m2;\
    1 9m3;1 9m5;1 9m7;1 9m9;1 9mb;1 9md;1 9mf;1 9mh;1 9mj;1 9ml;1 9mn;1 9mp;1 9ms;1 9mu;1 9mw;1 9my;1 9mz;1 9n0;\
    1 9n1;1 9n2;1 9n3;1 9n6;1 9n9;1 9nc;1 9nf;1 9ni;1 9nj;1 9nk;1 9nl;1 9nm;1 9no;1 9nq;1 9ns;1 9nt;1 9nu;1 9nv;\
    1 9nw;1 9nx;1 9nz;1 9o0;1 9o1;1 9o2;2 9lu 9n3 9lm 9oc 9mw;1 9lu 9nv 9n9 9lt;1 9lu 9o3 9nc 9lm 9lu;1 9lu 9oc \
    9nv;1 9lw 9mz 9o3 9m7 9ll;1 9lw 9o3 9mp;1 9ly 9m1 9o3;1 9m0 9mh 9m7 9oc 9mw 9ll;1 9m0 9oc 9m3 9oc;1 9m2 9o3 \
    9mh;1 9m2 9oc 9nk;1 9m3 9lw 9nu;1 9m3 9nt 9mr 9mw;1 9m3 9nx 9nu 9oc;1 9m3 9ll 9nx 9o3;1 9m3 9ll 9o3 9ni;1 9m5 \
    9ll 9m3 9ll;1 9m5 9ll 9mz 9oc;1 9m5 9np 9nu 9oc;1 9m5 9ll 9nv 9mn 9ll 9oc;1 9m5 9nx;1 9m5 9nx 9m7 9ll 9nt 9nk;\
    1 9m5 9nx 9nl 9oc 9mw 9nv;1 9m5 9nx 9nz 9mr 9mw;1 9m7 9ll 9nt 9nk;1 9m7 9ll 9nt 9nk 9mw 9o3;1 9m7 9nv 9mj 9ll \
    9lw 9nx;1 9m7 9nx 9oc 9n1;1 9m9 9oc 9mh;1 9mb 9nv 9my;1 9mb 9oc 9nf 9lm;1 9md 9lw 9m7 9nv;1 9md 9o3 9mp 9oc \
    9nk;1 9mf 9nu 9o3 9m7 9ll;1 9mj 9o3 9mp;1 9mj 9o3 9mw;1 9mn 9ll 9oc 9mh;1 9mu 9ll 9mf;1 9mw 9ll 9nv;1 9mw 9o3;\
    1 9my 9n2;1 9n2 9mr 9mw;1 9n3 9lw 9ms;1 9n3 9lm 9oc 9mj 9o3 9mw;1 9n3 9lm 9oc 9ms;1 9n3 9ll 9oc 9nw 9nv;1 9n6 \
    9lm 9lu 9mh 9mw 9nv;1 9n6 9lm 9m7 9nv;1 9n6 9lm 9mb;1 9n6 9ll 9nv;1 9n9 9lt 9nt 9mr 9mw 9ll;1 9n9 9lv 9oc 9mw;\
    1 9n9 9ll 9mr 9mf 9lz 9nv;1 9n9 9nt 9o3;1 9nc 9m7 9mn 9oc 9nv;1 9nc 9lm 9ml;1 9nc 9lm 9mz 9n6;1 9nc 9nv 9ms;\
    1 9nc 9lm 9o3 9mh;1 9nc 9lm 9oc 9mf 9ll;1 9nc 9ll 9oc 9mn;1 9nf 9lm 9lw 9o3 9mw;1 9nf 9ll 9nv 9mw;1 9nf 9o3;\
    1 9nf 9lm 9o3 9mw 9ll;1 9nf 9oc 9nv;1 9nf 9oc 9o3;1 9ni 9lw 9m7 9nx;1 9ni 9lw 9nv;1 9ni 9mr 9n3;1 9ni 9nv 9m7;\
    1 9ni 9o3 9mf 9nr 9o3;1 9nj 9m7 9nx 9o3;1 9nj 9nu;1 9nj 9nu 9n3 9ll 9oc 9nv;1 9nl 9m3 9ll;1 9nl 9m3 9ll 9mw \
    9o3;1 9nl 9oc 9mw 9nv;1 9no 9oc 9mw 9ll;1 9no 9oc 9nv;1 9nq 9lu 9o3;1 9nu 9mr 9mw 9nv;1 9nu 9nt;1 9nv 9n6 9lm \
    9oc;1 9nv 9oc 9n9 9ll 9nv;1 9nw 9nk;1 9nw 9o3 9mw 9m9 9ll 9o3;1 9nz 9mr 9mw;1 1c m9l;1 1d m9l;1 1e m9l;1 1f \
    m9l;1 1g m9l;1 1h m9l;1 1i m9l;1 1j m9l;1 1k m9l;1 1l m9l;1 1d 1c m9l;1 1d 1d m9l;1 1d 1e m9l;1 1d 1f m9l;1 \
    1d 1g m9l;1 1d 1h m9l;1 1d 1i m9l;1 1d 1j m9l;1 1d 1k m9l;1 1d 1l m9l;1 1e 1c m9l;1 1e 1d m9l;1 1e 1e m9l;1 \
    1e 1f m9l;1 1e 1g m9l;1 2w 28 2p;1 2s 2p;1 1t 2d;1 2q 2p 36;1 33 2e;1 34 2r;1 2s 31;1 2s 31 1e;1 2s 31 1f;1 \
    21 2d;1 inn jdc;1 k6l gp8;1 hlz l7n;1 k5q lh7;1 kkq irz fmi ny6;1 34 1t;1 32 1t;1 qk 1t;1 31 1t;1 2z 1t;1 23 \
    1u;1 25 1u;1 1z 1u;1 2r 2p 30;1 2z 2r 2p 30;1 34 1y;1 32 1y;1 qk 1y;1 qk 2v;1 31 2v;1 2z 2v;1 20 3e;1 2z 20 \
    3e;1 25 20 3e;1 1z 20 3e;1 2c 20 3e;1 qk 30;1 31 30;1 2s 30;1 2z 30;1 2u 31;1 32 31;1 qk 31;1 31 31;1 2r 31;\
    1 2z 31;1 31 31 1e;1 2r 31 1e;1 31 1e;1 2z 31 1e;1 31 31 1f;1 2r 31 1f;1 31 1f;1 2z 31 1f;1 31 6qd 37;1 31 6qd \
    37 1e;1 28 2p;1 2z 28 2p;1 25 28 2p;1 1z 28 2p;1 36 2p 2s;1 36 2p 2s 6qd 37;1 36 2p 2s 6qd 37 1e;1 34 37;1 32 \
    37;1 qk 37;1 31 37;1 34 2e;1 32 2e;1 qk 2e;1 31 2e;1 2z 2e;1 25 2e;1 34 2f;1 32 2f;1 qk 2f;1 31 2f;1 2z 2f;1 \
    25 2f;1 2z q1;1 25 q1;1 2p 1a 31 1a;1 1u 35;1 2r 2r;1 2r 2s;1 1v 6qd 2z 2v;1 1v 33 1a;1 2s 1u;1 1z 3d;1 2w 2p;\
    1 20 28;1 2x 32;1 23 23;1 23 25;1 2z 38;1 30 31;1 30 32;1 30 33 2v;1 30 3c;1 31 2q;1 31 2x 30;1 31 33 30;1 28 \
    20;1 34 1a 31 1a;1 28 28 25;1 28 2a;1 37 36;1 2b 3a;1 2f 2q;1 2e 6qd 31;1 1t 6qd 31;1 1d k4l;1 1e k4l;1 1f k4l;\
    1 1g k4l;1 1h k4l;1 1i k4l;1 1j k4l;1 1k k4l;1 1l k4l;1 1d 1c k4l;1 1d 1d k4l;1 1d 1e k4l;1 1d 1f k4l;1 1d 1g \
    k4l;1 1d 1h k4l;1 1d 1i k4l;1 1d 1j k4l;1 1d 1k k4l;1 1d 1l k4l;1 1e 1c k4l;1 1e 1d k4l;1 1e 1e k4l;1 1e 1f \
    k4l;1 1e 1g k4l;1 1e 1h k4l;1 1e 1i k4l;1 1e 1j k4l;1 1e 1k k4l;1 1e 1l k4l;1 1f 1c k4l;1 1f 1d k4l;1 2v 2p \
    30;mn1 ui;1 uk;5v x2n;3s 86;1 9f;o3 x0n;1 xtj;1 h7;1 xua;fq9 2u 2u;1 2u 2x;1 2u 30;1 2u 2u 2x;1 2u 2u 30;1 37 \
    38;1 37 38;d 12s 12u;1 12s 12d;1 12s 12j;1 132 12u;1 12s 12l;9 15u;1 15c;1 15f;1 15g;1 15n;1 15o;1 15p;1 160;\
    1 162;1 17;12 15c 15o;1 19t;1 19t;1 1a3;1 1a3;1 1a3;1 1a3;1 1a6;1 1a6;1 1a6;1 1a6;1 1a8;1 1a8;1 1a8;1 1a8;1 \
    1a2;1 1a2;1 1a2;1 1a2;1 1a7;1 1a7;1 1a7;1 1a7;1 1a1;1 1a1;1 1a1;1 1a1;1 1b8;1 1b8;1 1b8;1 1b8;1 1ba;1 1ba;1 \
    1ba;1 1ba;1 1ac;1 1ac;1 1ac;1 1ac;1 1ab;1 1ab;1 1ab;1 1ab;1 1ae;1 1ae;1 1ae;1 1ae;1 1af;1 1af;1 1af;1 1af;1 \
    1al;1 1al;1 1ak;1 1ak;1 1am;1 1am;1 1ag;1 1ag;1 1aw;1 1aw;1 1ap;1 1ap;1 1bd;1 1bd;1 1bd;1 1bd;1 1bj;1 1bj;1 \
    1bj;1 1bj;1 1bn;1 1bn;1 1bn;1 1bn;1 1bl;1 1bl;1 1bl;1 1bl;1 1bu;1 1bu;1 1bv;1 1bv;1 1bv;1 1bv;1 1cl 190;1 1cl \
    190;1 1c1;1 1c1;1 1c1;1 1c1;1 1by;1 1by;1 1by;1 1by;1 1ci;1 1ci;1 1ci 190;1 1ci 190;y 1bh;1 1bh;1 1bh;1 1bh;\
    1 1c7;1 1c7;1 1c6;1 1c6;1 1c8;1 1c8;1 1c7 19w;1 1cb;1 1cb;1 1c5;1 1c5;1 1c9;1 1c9;1 1cg;1 1cg;1 1cg;1 1cg;1 \
    18p;1 18p;1 18q 190 17r;1 18q 190 17r;1 18q 190 1cl;1 18q 190 1cl;1 18q 190 18o;1 18q 190 18o;1 18q 190 1c7;\
    1 18q 190 1c7;1 18q 190 1c6;1 18q 190 1c6;1 18q 190 1c8;1 18q 190 1c8;1 18q 190 1cg;1 18q 190 1cg;1 18q 190 \
    1cg;1 18q 190 18p;1 18q 190 18p;1 18q 190 18p;1 1cc;1 1cc;1 1cc;1 1cc;1 18q 190 17w;1 18q 190 17x;1 18q 190 \
    18l;1 18q 190 18p;1 18q 190 18q;1 17s 17w;1 17s 17x;1 17s 17y;1 17s 18l;1 17s 18p;1 17s 18q;1 17u 17w;1 17u \
    17x;1 17u 17y;1 17u 18l;1 17u 18p;1 17u 18q;1 17v 17w;1 17v 18l;1 17v 18p;1 17v 18q;1 17w 17x;1 17w 18l;1 17x \
    17w;1 17x 18l;1 17y 17w;1 17y 17x;1 17y 18l;1 183 17w;1 183 17x;1 183 17y;1 183 18l;1 185 17x;1 185 18l;1 186 \
    17w;1 186 17x;1 186 17y;1 186 18l;1 187 17x;1 187 18l;1 188 18l;1 189 17w;1 189 18l;1 18a 17w;1 18a 18l;1 18h \
    17w;1 18h 17x;1 18h 17y;1 18h 18l;1 18h 18p;1 18h 18q;1 18i 17x;1 18i 18l;1 18i 18p;1 18i 18q;1 18j 17r;1 18j \
    17w;1 18j 17x;1 18j 17y;1 18j 18k;1 18j 18l;1 18j 18p;1 18j 18q;1 18k 17w;1 18k 17x;1 18k 17y;1 18k 18l;1 18k \
    18p;1 18k 18q;1 18l 17w;1 18l 17x;1 18l 17y;1 18l 18l;1 18l 18p;1 18l 18q;1 18m 17w;1 18m 17x;1 18m 17y;1 18m \
    18l;1 18m 18p;1 18m 18q;1 18n 17w;1 18n 18l;1 18n 18p;1 18n 18q;1 18q 17w;1 18q 17x;1 18q 17y;1 18q 18l;1 18q \
    18p;1 18q 18q;1 180 19s;1 181 19s;1 18p 19s;1 w 18s 18x;1 w 18t 18x;1 w 18u 18x;1 w 18v 18x;1 w 18w 18x;1 w \
    18x 19s;1 18q 190 181;1 18q 190 182;1 18q 190 18l;1 18q 190 18m;1 18q 190 18p;1 18q 190 18q;1 17s 181;1 17s \
    182;1 17s 18l;1 17s 18m;1 17s 18p;1 17s 18q;1 17u 181;1 17u 182;1 17u 18l;1 17u 18m;1 17u 18p;1 17u 18q;1 17v \
    181;1 17v 182;1 17v 18l;1 17v 18m;1 17v 18p;1 17v 18q;1 18h 18p;1 18h 18q;1 18i 18p;1 18i 18q;1 18j 17r;1 18j \
    18k;1 18j 18l;1 18j 18p;1 18j 18q;1 18k 18l;1 18k 18p;1 18k 18q;1 18l 17r;1 18l 18l;1 18m 181;1 18m 182;1 18m \
    18l;1 18m 18m;1 18m 18p;1 18m 18q;1 18p 19s;1 18q 181;1 18q 182;1 18q 18l;1 18q 18m;1 18q 18p;1 18q 18q;1 18q \
    190 17w;1 18q 190 17x;1 18q 190 17y;1 18q 190 18l;1 18q 190 18n;1 17s 17w;1 17s 17x;1 17s 17y;1 17s 18l;1 17s \
    18n;1 17u 17w;1 17u 17x;1 17u 17y;1 17u 18l;1 17u 18n;1 17v 18l;1 17w 17x;1 17w 18l;1 17x 17w;1 17x 18l;1 17y \
    17w;1 17y 18l;1 183 17w;1 183 17x;1 183 17y;1 183 18l;1 185 17x;1 185 17y;1 185 18l;1 186 17w;1 186 17x;1 186 \
    17y;1 186 18l;1 187 17x;1 188 18l;1 189 17w;1 189 18l;1 18a 17w;1 18a 18l;1 18h 17w;1 18h 17x;1 18h 17y;1 18h \
    18l;1 18i 17x;1 18i 18l;1 18j 17w;1 18j 17x;1 18j 17y;1 18j 18k;1 18j 18l;1 18k 17w;1 18k 17x;1 18k 17y;1 18k \
    18l;1 18k 18n;1 18l 17w;1 18l 17x;1 18l 17y;1 18l 18l;1 18m 17w;1 18m 17x;1 18m 17y;1 18m 18l;1 18m 18n;1 18n \
    17w;1 18n 18l;1 18n 19s;1 18q 17w;1 18q 17x;1 18q 17y;1 18q 18l;1 18q 18n;1 18q 190 18l;1 18q 190 18n;1 17s \
    18l;1 17s 18n;1 17u 18l;1 17u 18n;1 17v 18l;1 17v 18n;1 183 18l;1 183 18n;1 184 18l;1 184 18n;1 18j 18k;1 18j \
    18l;1 18k 18l;1 18m 18l;1 18m 18n;1 18q 18l;1 18q 18n;1 18g 18u 18x;1 18g 18v 18x;1 18g 18w 18x;1 187 18p;1 \
    187 18q;1 189 18p;1 189 18q;1 18a 18p;1 18a 18q;1 183 18p;1 183 18q;1 184 18p;1 184 18q;1 17x 18p;1 17x 18q;\
    1 17w 18p;1 17w 18q;1 17y 18p;1 17y 18q;1 185 18p;1 185 18q;1 186 18p;1 186 18q;1 184 17w;1 184 17x;1 184 17y;\
    1 184 18l;1 184 181;1 183 181;1 185 181;1 186 181;1 187 18p;1 187 18q;1 189 18p;1 189 18q;1 18a 18p;1 18a 18q;\
    1 183 18p;1 183 18q;1 184 18p;1 184 18q;1 17x 18p;1 17x 18q;1 17w 18p;1 17w 18q;1 17y 18p;1 17y 18q;1 185 18p;\
    1 185 18q;1 186 18p;1 186 18q;1 184 17w;1 184 17x;1 184 17y;1 184 18l;1 184 181;1 183 181;1 185 181;1 186 181;\
    1 184 17w;1 184 17x;1 184 17y;1 184 18l;1 183 18n;1 184 18n;1 187 18l;1 183 17w;1 183 17x;1 183 17y;1 184 17w;\
    1 184 17x;1 184 17y;1 187 18l;1 188 18l;1 17r 18r;1 17r 18r;j 17u 17w 18l;1 17u 17x 17w;1 17u 17x 17w;1 17u \
    17x 18l;1 17u 17y 18l;1 17u 18l 17w;1 17u 18l 17x;1 17u 18l 17y;1 17w 18l 17x;1 17w 18l 17x;1 17x 18l 18q;1 \
    17x 18l 18p;1 183 17x 17w;1 183 17w 17x;1 183 17w 18p;1 183 18l 17x;1 183 18l 17x;1 183 18l 17w;1 183 18l 18l;\
    1 183 18l 18l;1 185 17x 17x;1 185 17x 17x;1 185 18l 18l;1 184 17x 18l;1 184 17x 18l;1 184 17w 18q;1 184 18l \
    17y;1 184 18l 17y;1 184 18l 18l;1 184 18l 18l;1 186 17x 18p;1 186 17y 18l;1 186 17y 18l;1 187 18l 17x;1 187 \
    18l 17x;1 187 18l 18l;1 187 18l 18q;1 189 17w 18l;1 189 18l 18l;1 189 18l 18l;1 189 18l 18p;1 18a 18l 18l;1 \
    18a 18l 18q;1 18a 18l 18p;1 18h 17y 18l;1 18h 17y 18l;1 18i 18l 17x;1 18i 18l 18l;1 18k 17x 18l;1 18k 17x 18q;\
    1 18k 17x 18p;1 18k 17w 17w;1 18k 17w 17w;1 18k 17y 18l;1 18k 17y 18l;1 18k 18l 17x;1 18k 18l 17x;1 18l 17x \
    17w;1 18l 17x 18l;1 18l 17x 18q;1 18l 17w 17x;1 18l 17w 18l;1 18l 17y 17w;1 18l 17y 18l;3 18l 17w 17y;1 18n \
    18l 17w;1 18n 18l 18l;1 18m 17x 18l;1 18m 17x 18p;1 18m 17w 18l;1 18m 17w 18l;1 18m 17w 18p;1 18m 18l 18q;1 \
    18m 18l 18p;1 18q 18l 18l;1 18q 18l 18l;1 17s 17y 18q;1 17u 17w 18q;1 17u 17w 18p;1 17u 17y 18q;1 17u 17y 18p;\
    1 17u 18l 18q;1 17u 18l 18p;1 17w 18l 18q;1 17w 17x 18p;1 17w 18l 18p;1 183 17y 18p;1 185 17x 18q;1 184 17x \
    18q;1 186 17x 18q;1 18k 17w 18q;1 18k 18l 18q;1 18q 17x 18q;1 18q 17w 18q;1 18q 18l 18q;1 18l 18l 18q;1 18i \
    18l 18q;1 18m 17x 18q;1 18i 18l 17x;1 18k 17x 18l;1 189 18l 18q;1 18j 18l 18q;1 18m 17w 17x;1 18l 17y 18q;1 \
    18k 17w 18l;1 18j 18l 18l;1 18k 17w 18l;1 18m 17w 17x;1 17w 17x 18q;1 17x 17w 18q;1 18l 17w 18q;1 18h 18l 18q;\
    1 17s 17x 18q;1 18j 18l 18l;1 189 17w 18l;1 185 18l 18l;1 183 17y 18q;1 18m 17w 18q;15 185 18k 1ci;1 18i 18k \
    1ci;1 17r 18k 18k 18n;1 17r 18j 17s 181;1 18l 17x 18l 17z;1 185 18k 189 18l;1 181 183 18o 18k;1 189 18k 18q \
    18n;1 18o 183 18k 18l;1 185 18k 18p;1 185 18k 18p w 17r 18k 18k 18n w 189 18k 18q 18n w 18o 183 18k 18l;1 17w \
    18k w 17w 18k 17r 18k 18n;1 181 1cc 17r 18k;k 18;1 9hd;1 9he;1 1m;1 1n;1 x;1 1r;1 9hy;1 9hz;1 1a 1a 1a;n 1a \
    1a;1 6c4;1 6c3;1 2n;1 2n;1 14;1 15;1 3f;1 3h;1 9hw;1 9hx;1 9hs;1 9ht;1 9hm;1 9hn;1 9hk;1 9hl;1 9ho;1 9hp;1 9hq;\
    1 9hr;3 2j;1 2l;1 w lh;1 w lh;1 w lh;1 w lh;1 2n;1 2n;1 2n;1 18;1 9hd;1 1a;2 1n;1 1m;1 1r;1 x;1 6c4;1 14;1 15;\
    1 3f;1 3h;1 9hw;1 9hx;1 z;1 12;1 16;1 17;1 19;1 1o;1 1q;1 1p;2 2k;1 10;1 11;1 1s;5 w 18r;1 18g 18r;1 w 18s;2 \
    w 18t;2 w 18u;1 18g 18u;1 w 18v;1 18g 18v;1 w 18w;1 18g 18w;1 w 18x;1 18g 18x;1 w 18y;1 18g 18y;1 17l;1 17r \
    18z;1 17r 18z;1 17r 190;1 17r 190;1 18o 190;1 18o 190;1 17r 191;1 17r 191;1 18q 190;1 18q 190;1 18q 190;1 18q \
    190;1 17r;1 17r;1 17s;1 17s;1 17s;1 17s;1 17t;1 17t;1 17u;1 17u;1 17u;1 17u;1 17v;1 17v;1 17v;1 17v;1 17w;1 \
    17w;1 17w;1 17w;1 17x;1 17x;1 17x;1 17x;1 17y;1 17y;1 17y;1 17y;1 17z;1 17z;1 180;1 180;1 181;1 181;1 182;1 \
    182;1 183;1 183;1 183;1 183;1 184;1 184;1 184;1 184;1 185;1 185;1 185;1 185;1 186;1 186;1 186;1 186;1 187;1 \
    187;1 187;1 187;1 188;1 188;1 188;1 188;1 189;1 189;1 189;1 189;1 18a;1 18a;1 18a;1 18a;1 18h;1 18h;1 18h;1 \
    18h;1 18i;1 18i;1 18i;1 18i;1 18j;1 18j;1 18j;1 18j;1 18k;1 18k;1 18k;1 18k;1 18l;1 18l;1 18l;1 18l;1 18m;1 \
    18m;1 18m;1 18m;1 18n;1 18n;1 18n;1 18n;1 18o;1 18o;1 18p;1 18p;1 18q;1 18q;1 18q;1 18q;1 18k 17r 18z;1 18k \
    17r 18z;1 18k 17r 190;1 18k 17r 190;1 18k 17r 191;1 18k 17r 191;1 18k 17r;1 18k 17r;5 x;1 y;1 z;1 10;1 11;1 \
    12;1 13;1 14;1 15;1 16;1 17;1 18;1 19;1 1a;1 1b;1 1c;1 1d;1 1e;1 1f;1 1g;1 1h;1 1i;1 1j;1 1k;1 1l;1 1m;1 1n;\
    1 1o;1 1p;1 1q;1 1r;1 1s;1 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 21;1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;\
    1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2j;1 2k;1 2l;1 2m;1 2n;1 2o;1 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;\
    1 2w;1 2x;1 2y;1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 3f;1 3g;1 3h;\
    1 3i;1 879;1 87a;1 9he;1 9ho;1 9hp;1 9hd;1 9ob;1 9o2;1 9lt;1 9lv;1 9lx;1 9lz;1 9m1;1 9nn;1 9np;1 9nr;1 9mr;1 \
    9oc;1 9lu;1 9lw;1 9ly;1 9m0;1 9m2;1 9m3;1 9m5;1 9m7;1 9m9;1 9mb;1 9md;1 9mf;1 9mh;1 9mj;1 9ml;1 9mn;1 9mp;1 \
    9ms;1 9mu;1 9mw;1 9my;1 9mz;1 9n0;1 9n1;1 9n2;1 9n3;1 9n6;1 9n9;1 9nc;1 9nf;1 9ni;1 9nj;1 9nk;1 9nl;1 9nm;1 \
    9no;1 9nq;1 9ns;1 9nt;1 9nu;1 9nv;1 9nw;1 9nx;1 9nz;1 9o3;1 9ll;1 9lm;1 3fk;1 3cw;1 3cx;1 3hm;1 3cy;1 3ho;1 \
    3hp;1 3cz;1 3d0;1 3d1;1 3hs;1 3ht;1 3hu;1 3hv;1 3hw;1 3hx;1 3dm;1 3d2;1 3d3;1 3d4;1 3dt;1 3d5;1 3d6;1 3d7;1 \
    3d8;1 3d9;1 3da;1 3db;1 3dc;1 3dd;1 3de;4 3fl;1 3fm;1 3fn;1 3fo;1 3fp;1 3fq;3 3fr;1 3fs;1 3ft;1 3fu;1 3fv;1 \
    3fw;3 3fx;1 3fy;1 3fz;1 3g0;1 3g1;1 3g2;3 3g3;1 3g4;1 3g5;4 4i;1 4j;1 4s;1 w lg;1 4m;1 4l;1 6g9;2 7b6;1 6mo;\
    1 6mp;1 6mq;1 6mr;1 7fk;1 7gr;15w2 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 21;1 22;1 23;1 24;1 25;1 26;1 27;\
    1 28;1 29;1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;1 2w;1 2x;1 2y;1 2z;\
    1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;\
    1 20;1 21;1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;\
    1 2s;1 2t;1 2u;1 2v;2 2x;1 2y;1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;\
    1 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 21;1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;1 2a;1 2b;1 2c;1 2d;1 2e;\
    1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;1 2w;1 2x;1 2y;1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;\
    1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;2 1v;1 1w;3 1z;3 22;1 23;3 26;1 27;1 28;1 29;2 2b;1 2c;1 2d;1 2e;\
    1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;1 2s;2 2u;2 2w;1 2x;1 2y;1 2z;1 30;1 31;1 32;2 34;1 35;1 36;1 37;1 38;1 39;\
    1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 21;1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;\
    1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;1 2w;1 2x;1 2y;1 2z;1 30;1 31;\
    1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;1 1u;2 1w;1 1x;1 1y;1 1z;3 22;1 23;1 24;\
    1 25;1 26;1 27;1 28;1 29;2 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;2 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;1 2w;1 2x;1 2y;\
    1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;1 1u;2 1w;1 1x;1 1y;1 1z;\
    2 21;1 22;1 23;1 24;1 25;2 27;4 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;2 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;1 2w;1 2x;\
    1 2y;1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;1 1u;1 1v;1 1w;1 1x;\
    1 1y;1 1z;1 20;1 21;1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2p;\
    1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;1 2w;1 2x;1 2y;1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;\
    1 3c;1 3d;1 3e;1 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 21;1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;1 2a;1 2b;\
    1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;1 2w;1 2x;1 2y;1 2z;1 30;1 31;1 32;1 33;\
    1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 21;1 22;1 23;\
    1 24;1 25;1 26;1 27;1 28;1 29;1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;\
    1 2w;1 2x;1 2y;1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;1 1u;1 1v;\
    1 1w;1 1x;1 1y;1 1z;1 20;1 21;1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;\
    1 2i;1 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;1 2w;1 2x;1 2y;1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;\
    1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 21;1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;\
    1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;1 2s;1 2t;1 2u;1 2v;1 2w;1 2x;1 2y;1 2z;1 30;1 31;\
    1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 21;\
    1 22;1 23;1 24;1 25;1 26;1 27;1 28;1 29;1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 2p;1 2q;1 2r;1 2s;1 2t;\
    1 2u;1 2v;1 2w;1 2x;1 2y;1 2z;1 30;1 31;1 32;1 33;1 34;1 35;1 36;1 37;1 38;1 39;1 3a;1 3b;1 3c;1 3d;1 3e;1 8h;\
    1 fr;3 pd;1 pe;1 pf;1 pg;1 ph;1 pi;1 pj;1 pk;1 pl;1 pm;1 pn;1 po;1 pp;1 pq;1 pr;1 ps;1 pt;1 pk;1 pv;1 pw;1 px;\
    1 py;1 pz;1 q0;1 q1;1 6pz;1 q9;1 qa;1 qb;1 qc;1 qd;1 qe;1 qf;1 qg;1 qh;1 qi;1 qj;1 qk;1 ql;1 qm;1 qn;1 qo;1 \
    qp;1 qq;1 qr;1 qs;1 qt;1 qu;1 qv;1 qw;1 qx;1 6pu;1 qd;1 qg;1 qi;1 qu;1 qp;1 qo;1 pd;1 pe;1 pf;1 pg;1 ph;1 pi;\
    1 pj;1 pk;1 pl;1 pm;1 pn;1 po;1 pp;1 pq;1 pr;1 ps;1 pt;1 pk;1 pv;1 pw;1 px;1 py;1 pz;1 q0;1 q1;1 6pz;1 q9;1 \
    qa;1 qb;1 qc;1 qd;1 qe;1 qf;1 qg;1 qh;1 qi;1 qj;1 qk;1 ql;1 qm;1 qn;1 qo;1 qp;1 qq;1 qr;1 qs;1 qt;1 qu;1 qv;\
    1 qw;1 qx;1 6pu;1 qd;1 qg;1 qi;1 qu;1 qp;1 qo;1 pd;1 pe;1 pf;1 pg;1 ph;1 pi;1 pj;1 pk;1 pl;1 pm;1 pn;1 po;1 \
    pp;1 pq;1 pr;1 ps;1 pt;1 pk;1 pv;1 pw;1 px;1 py;1 pz;1 q0;1 q1;1 6pz;1 q9;1 qa;1 qb;1 qc;1 qd;1 qe;1 qf;1 qg;\
    1 qh;1 qi;1 qj;1 qk;1 ql;1 qm;1 qn;1 qo;1 qp;1 qq;1 qr;1 qs;1 qt;1 qu;1 qv;1 qw;1 qx;1 6pu;1 qd;1 qg;1 qi;1 \
    qu;1 qp;1 qo;1 pd;1 pe;1 pf;1 pg;1 ph;1 pi;1 pj;1 pk;1 pl;1 pm;1 pn;1 po;1 pp;1 pq;1 pr;1 ps;1 pt;1 pk;1 pv;\
    1 pw;1 px;1 py;1 pz;1 q0;1 q1;1 6pz;1 q9;1 qa;1 qb;1 qc;1 qd;1 qe;1 qf;1 qg;1 qh;1 qi;1 qj;1 qk;1 ql;1 qm;1 \
    qn;1 qo;1 qp;1 qq;1 qr;1 qs;1 qt;1 qu;1 qv;1 qw;1 qx;1 6pu;1 qd;1 qg;1 qi;1 qu;1 qp;1 qo;1 pd;1 pe;1 pf;1 pg;\
    1 ph;1 pi;1 pj;1 pk;1 pl;1 pm;1 pn;1 po;1 pp;1 pq;1 pr;1 ps;1 pt;1 pk;1 pv;1 pw;1 px;1 py;1 pz;1 q0;1 q1;1 6pz;\
    1 q9;1 qa;1 qb;1 qc;1 qd;1 qe;1 qf;1 qg;1 qh;1 qi;1 qj;1 qk;1 ql;1 qm;1 qn;1 qo;1 qp;1 qq;1 qr;1 qs;1 qt;1 qu;\
    1 qv;1 qw;1 qx;1 6pu;1 qd;1 qg;1 qi;1 qu;1 qp;1 qo;1 rg;1 rh;3 1c;1 1d;1 1e;1 1f;1 1g;1 1h;1 1i;1 1j;1 1k;1 \
    1l;1 1c;1 1d;1 1e;1 1f;1 1g;1 1h;1 1i;1 1j;1 1k;1 1l;1 1c;1 1d;1 1e;1 1f;1 1g;1 1h;1 1i;1 1j;1 1k;1 1l;1 1c;\
    1 1d;1 1e;1 1f;1 1g;1 1h;1 1i;1 1j;1 1k;1 1l;1 1c;1 1d;1 1e;1 1f;1 1g;1 1h;1 1i;1 1j;1 1k;1 1l;4ch 17r;1 17s;\
    1 17w;1 17z;2 18o;1 182;1 17x;1 187;1 18q;1 18j;1 18k;1 18l;1 18m;1 183;1 189;1 18h;1 185;1 18i;1 181;1 184;\
    1 17u;1 17v;1 17y;1 180;1 186;1 188;1 18a;1 19q;1 1bu;1 1b5;1 19r;2 17s;1 17w;2 18n;3 17x;2 18q;1 18j;1 18k;\
    1 18l;1 18m;1 183;1 189;1 18h;1 185;1 18i;2 184;1 17u;1 17v;1 17y;2 186;2 18a;7 17w;5 17x;2 18q;2 18k;2 18m;\
    1 183;1 189;2 185;1 18i;2 184;3 17y;2 186;2 18a;2 1bu;2 19r;2 17s;1 17w;2 18n;3 17x;1 187;1 18q;1 18j;2 18l;\
    1 18m;1 183;1 189;1 18h;1 185;1 18i;2 184;1 17u;1 17v;1 17y;2 186;1 188;1 18a;1 19q;2 1b5;2 17r;1 17s;1 17w;\
    1 17z;1 18n;1 18o;1 182;1 17x;1 187;1 18q;2 18k;1 18l;1 18m;1 183;1 189;1 18h;1 185;1 18i;1 181;1 184;1 17u;\
    1 17v;1 17y;1 180;1 186;1 188;1 18a;6 17s;1 17w;1 17z;2 18o;1 182;1 17x;1 187;1 18q;2 18k;1 18l;1 18m;1 183;\
    1 189;1 18h;1 185;1 18i;1 181;1 184;1 17u;1 17v;1 17y;1 180;1 186;1 188;1 18a;g5 1c 1a;1 1c 18;1 1d 18;1 1e \
    18;1 1f 18;1 1g 18;1 1h 18;1 1i 18;1 1j 18;1 1k 18;1 1l 18;6 14 1t 15;1 14 1u 15;1 14 1v 15;1 14 1w 15;1 14 \
    1x 15;1 14 1y 15;1 14 1z 15;1 14 20 15;1 14 21 15;1 14 22 15;1 14 23 15;1 14 24 15;1 14 25 15;1 14 26 15;1 14 \
    27 15;1 14 28 15;1 14 29 15;1 14 2a 15;1 14 2b 15;1 14 2c 15;1 14 2d 15;1 14 2e 15;1 14 2f 15;1 14 2g 15;1 14 \
    2h 15;1 14 2i 15;1 9hw 2b 9hx;1 1v;1 2a;1 1v 1w;1 2f 2i;2 1t;1 1u;1 1v;1 1w;1 1x;1 1y;1 1z;1 20;1 21;1 22;1 \
    23;1 24;1 25;1 26;1 27;1 28;1 29;1 2a;1 2b;1 2c;1 2d;1 2e;1 2f;1 2g;1 2h;1 2i;1 20 2e;1 25 2e;1 2b 1w;1 2b 2b;\
    1 28 28 2e;1 2f 1v;r 25 1v;1 25 1w;11 1w 22;34 9kr 9jf;1 9mb 9mb;1 9md;e jez;1 i1j;1 gjw;1 9mu 9ll;1 fik;1 hlm;\
    1 r8j;1 hm1;1 fj8;1 k68;1 mch;1 k2h;1 g99;1 ivg;1 g3x;1 k34;1 g7x;1 oqq;1 n4v;1 rs9;1 hkg;1 gmx;1 lxw;1 jh1;\
    1 jmd;1 feo;1 fex;1 si2;1 ijq;1 ffx;1 gkz;1 jk7;1 rxs;1 jf7;1 o01;1 o6y;1 glk;1 lts;1 kcp;1 kco;1 n5f;1 gaa;\
    1 gxi;1 sp9;5 9hw kdo 9hx;1 9hw fex 9hx;1 9hw fik 9hx;1 9hw i2x 9hx;1 9hw m9l 9hx;1 9hw jf7 9hx;1 9hw nh3 9hx;\
    1 9hw gd9 9hx;1 9hw k0n 9hx;8 ivr;1 gkv
    """

  /// Canonical combining classes: scalar's distance and class.
  static let combining: StaticString = """
    lc 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 \
    6g;1 64;1 64;1 64;1 64;1 6g;1 60;1 64;1 64;1 64;1 64;1 64;1 5m;1 5m;1 64;1 64;1 64;1 64;1 5m;1 5m;1 64;1 64;\
    1 64;1 64;1 64;1 64;1 64;1 64;1 64;1 64;1 64;1 1;1 1;1 1;1 1;1 1;1 64;1 64;1 64;1 64;1 6e;1 6e;1 6e;3 6e;3 6o;\
    1 6e;1 64;1 64;1 64;1 6e;1 6e;1 6e;1 64;1 64;2 6e;1 6e;1 6e;1 64;1 64;1 64;1 64;1 6e;1 6g;1 64;1 64;1 6e;1 6h;\
    1 6i;1 6i;1 6h;1 6i;1 6i;1 6h;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;7o 6e;1 6e;1 \
    6e;1 6e;1 6e;7e 64;1 6e;1 6e;1 6e;1 6e;1 64;1 6e;1 6e;1 6e;1 66;1 64;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 64;1 64;\
    1 64;1 64;1 64;1 64;1 6e;1 6e;1 64;1 6e;1 6e;1 66;1 6c;1 6e;1 a;1 b;1 c;1 d;1 e;1 f;1 g;1 h;1 i;1 j;1 j;1 k;\
    1 l;1 m;2 n;2 o;1 p;2 6e;1 64;2 i;21 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 u;1 v;1 w;1d r;1 s;1 t;1 u;1 v;\
    1 w;1 x;1 y;1 6e;1 6e;1 64;1 64;1 6e;1 6e;1 6e;1 6e;1 6e;1 64;1 6e;1 6e;1 64;h z;2u 6e;1 6e;1 6e;1 6e;1 6e;1 \
    6e;1 6e;3 6e;1 6e;1 6e;1 6e;1 64;1 6e;3 6e;1 6e;2 64;1 6e;1 6e;1 64;10 10;v 6e;1 64;1 6e;1 6e;1 64;1 6e;1 6e;\
    1 64;1 64;1 64;1 6e;1 64;1 64;1 6e;1 64;1 6e;1 6e;1 6e;1 64;1 6e;1 64;1 6e;1 64;1 6e;1 64;1 6e;1 6e;4h 6e;1 \
    6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 64;1 6e;z 6e;1 6e;1 6e;1 6e;2 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;2 6e;\
    1 6e;1 6e;2 6e;1 6e;1 6e;1 6e;1 6e;18 64;1 64;1 64;3d 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 \
    6e;1 6e;1 6e;2 64;1 6e;1 6e;1 64;1 6e;1 6e;1 64;1 6e;1 6e;1 6e;1 64;1 64;1 64;1 r;1 s;1 t;1 6e;1 6e;1 6e;1 64;\
    1 6e;1 6e;1 64;1 64;1 6e;1 6e;1 6e;1 6e;1 6e;1p 7;h 9;4 6e;1 64;1 6e;1 6e;2w 7;h 9;33 7;h 9;33 7;h 9;33 7;h \
    9;3k 9;3k 9;8 2c;1 2j;2u 7;h 9;3k 9;3h 9;32 2v;1 2v;1 9;e 2z;1 2z;1 2z;1 2z;31 3a;1 3a;f 3e;1 3e;1 3e;1 3e;25 \
    64;1 64;s 64;2 64;2 60;1k 3l;1 3m;2 3o;6 3m;1 3m;1 3m;1 3m;3 3m;2 6e;1 6e;1 9;2 6e;1 6e;1r 64;35 7;2 9;1 9;2b \
    64;k0 6e;1 6e;1 6e;qd 9;w 9;4e 9;b 6e;5o 6c;40 66;1 6e;1 64;64 6e;1 64;20 9;l 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 \
    6e;1 6e;3 64;1d 6e;1 6e;1 6e;1 6e;1 6e;1 64;1 64;1 64;1 64;1 64;1 64;1 6e;1 6e;1 64;3b 7;g 9;13 6e;1 64;1 6e;\
    1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1j 9;1 9;1n 7;c 9;1 9;1w 7;49 6e;1 6e;1 6e;2 1;1 64;1 64;1 64;1 64;1 64;1 6e;1 \
    6e;1 64;1 64;1 64;1 64;1 6e;2 1;1 1;1 1;1 1;1 1;1 1;1 1;5 64;7 6e;4 6e;1 6e;5j 6e;1 6e;1 64;1 6e;1 6e;1 6e;1 \
    6e;1 6e;1 6e;1 6e;1 64;1 6e;1 6e;1 6i;1 5y;1 64;1 5m;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;\
    1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;\
    1 6e;1 6e;1 6e;1 6e;6 6e;1 6h;1 64;1 6e;1 64;k1 6e;1 6e;1 1;1 1;1 6e;1 6e;1 6e;1 6e;1 1;1 1;1 1;1 6e;1 6e;5 \
    6e;4 1;1 1;1 6e;1 64;1 6e;1 1;1 1;1 64;1 64;1 64;1 64;1 6e;2db 6e;1 6e;1 6e;3y 9;2p 6e;1 6e;1 6e;1 6e;1 6e;1 \
    6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;\
    1 6e;1 6e;1 6e;1 6e;1 6e;ff 62;1 6c;1 6g;1 66;1 68;1 68;2y 8;1 8;n9x 6e;5 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 \
    6e;1 6e;1 6e;x 6e;1 6e;29 6e;1 6e;7p 9;5a 9;s 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;\
    1 6e;1 6e;1 6e;1 6e;1 6e;1m 64;1 64;1 64;12 9;2o 7;d 9;6o 6e;2 6e;1 6e;1 64;3 6e;1 6e;6 6e;1 6e;2 6e;1h 9;6v \
    9;fn5 q;le 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 64;1 64;1 64;1 64;1 64;1 64;1 64;1 6e;1 6e;r2 64;6b 64;46 6e;1 \
    6e;1 6e;1 6e;1 6e;1ar 64;2 6e;15 6e;1 1;1 64;5 9;4m 6e;1 64;128 9;1l 9;1m 9;1 7;1y 6e;1 6e;1 6e;1d 9;1 9;1r \
    7;25 9;a 7;2z 9;1 7;4z 7;1 9;2a 7;h 9;p 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;4 6e;1 6e;1 6e;1 6e;1 6e;5q 9;4 7;3g \
    9;1 7;70 9;1 7;3j 9;3b 9;1 7;38 9;104 9;fjl 1;1 1;1 1;1 1;1 1;1o 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;g2w 1;43r \
    60;1 60;1 1;1 1;1 1;4 6a;1 60;1 60;1 60;1 60;1 60;9 64;1 64;1 64;1 64;1 64;1 64;1 64;1 64;3 6e;1 6e;1 6e;1 6e;\
    1 6e;1 64;1 64;v 6e;1 6e;1 6e;1 6e;45 6e;1 6e;1 6e;2po 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;2 6e;1 6e;1 6e;1 6e;\
    1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;3 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 6e;2 6e;1 6e;\
    2 6e;1 6e;1 6e;1 6e;1 6e;1pi 64;1 64;1 64;1 64;1 64;1 64;1 64;32 6e;1 6e;1 6e;1 6e;1 6e;1 6e;1 7
    """

  /// Canonical compositions: the composed scalar's distance and its two parts.
  static let compositions: StaticString = """
    5c 1t lc;1 1t ld;1 1t le;1 1t lf;1 1t lk;1 1t lm;2 1v mf;1 1x lc;1 1x ld;1 1x le;1 1x lk;1 21 lc;1 21 ld;1 21 \
    le;1 21 lk;2 26 lf;1 27 lc;1 27 ld;1 27 le;1 27 lf;1 27 lk;3 2d lc;1 2d ld;1 2d le;1 2d lk;1 2h ld;3 2p lc;1 \
    2p ld;1 2p le;1 2p lf;1 2p lk;1 2p lm;2 2r mf;1 2t lc;1 2t ld;1 2t le;1 2t lk;1 2x lc;1 2x ld;1 2x le;1 2x lk;\
    2 32 lf;1 33 lc;1 33 ld;1 33 le;1 33 lf;1 33 lk;3 39 lc;1 39 ld;1 39 le;1 39 lk;1 3d ld;2 3d lk;1 1t lg;1 2p \
    lg;1 1t li;1 2p li;1 1t mg;1 2p mg;1 1v ld;1 2r ld;1 1v le;1 2r le;1 1v lj;1 2r lj;1 1v lo;1 2r lo;1 1w lo;1 \
    2s lo;3 1x lg;1 2t lg;1 1x li;1 2t li;1 1x lj;1 2t lj;1 1x mg;1 2t mg;1 1x lo;1 2t lo;1 1z le;1 2v le;1 1z li;\
    1 2v li;1 1z lj;1 2v lj;1 1z mf;1 2v mf;1 20 le;1 2w le;3 21 lf;1 2x lf;1 21 lg;1 2x lg;1 21 li;1 2x li;1 21 \
    mg;1 2x mg;1 21 lj;4 22 le;1 2y le;1 23 mf;1 2z mf;2 24 ld;1 30 ld;1 24 mf;1 30 mf;1 24 lo;1 30 lo;5 26 ld;1 \
    32 ld;1 26 mf;1 32 mf;1 26 lo;1 32 lo;4 27 lg;1 33 lg;1 27 li;1 33 li;1 27 ln;1 33 ln;3 2a ld;1 36 ld;1 2a mf;\
    1 36 mf;1 2a lo;1 36 lo;1 2b ld;1 37 ld;1 2b le;1 37 le;1 2b mf;1 37 mf;1 2b lo;1 37 lo;1 2c mf;1 38 mf;1 2c \
    lo;1 38 lo;3 2d lf;1 39 lf;1 2d lg;1 39 lg;1 2d li;1 39 li;1 2d lm;1 39 lm;1 2d ln;1 39 ln;1 2d mg;1 39 mg;1 \
    2f le;1 3b le;1 2h le;1 3d le;1 2h lk;1 2i ld;1 3e ld;1 2i lj;1 3e lj;1 2i lo;1 3e lo;y 27 m3;1 33 m3;e 2d m3;\
    1 39 m3;t 1t lo;1 2p lo;1 21 lo;1 2x lo;1 27 lo;1 33 lo;1 2d lo;1 39 lo;1 64 lg;1 70 lg;1 64 ld;1 70 ld;1 64 \
    lo;1 70 lo;1 64 lc;1 70 lc;2 5g lg;1 6c lg;1 fa lg;1 fb lg;1 5i lg;1 6e lg;3 1z lo;1 2v lo;1 23 lo;1 2z lo;1 \
    27 mg;1 33 mg;1 dm lg;1 dn lg;1 c7 lo;1 ia lo;1 2y lo;4 1z ld;1 2v ld;3 26 lc;1 32 lc;1 5h ld;1 6d ld;1 5i ld;\
    1 6e ld;1 60 ld;1 6w ld;1 1t lr;1 2p lr;1 1t lt;1 2p lt;1 1x lr;1 2t lr;1 1x lt;1 2t lt;1 21 lr;1 2x lr;1 21 \
    lt;1 2x lt;1 27 lr;1 33 lr;1 27 lt;1 33 lt;1 2a lr;1 36 lr;1 2a lt;1 36 lt;1 2d lr;1 39 lr;1 2d lt;1 39 lt;1 \
    2b me;1 37 me;1 2c me;1 38 me;3 20 lo;1 2w lo;7 1t lj;1 2p lj;1 1x mf;1 2t mf;1 5y lg;1 6u lg;1 5x lg;1 6t lg;\
    1 27 lj;1 33 lj;1 fi lg;1 fj lg;1 2h lg;1 3d lg;9e 4o ld;1 pd ld;2 ph ld;1 pj ld;1 pl ld;2 pr ld;2 px ld;1 q1 \
    ld;1 qy ld;q pl lk;1 px lk;1 q9 ld;1 qd ld;1 qf ld;1 qh ld;1 qz ld;q qh lk;1 qt lk;1 qn ld;1 qt ld;1 qx ld;5 \
    r6 ld;1 r6 lk;18 t1 lc;1 t1 lk;2 sz ld;4 sm lk;5 t6 ld;1 t4 lc;1 tf li;b t4 li;w u0 li;n tx lc;1 tx lk;2 tv \
    ld;4 uu lk;5 u2 ld;1 u0 lc;1 ub li;o vo lr;1 vp lr;22 t2 li;1 ty li;e sw li;1 ts li;1 sw lk;1 ts lk;3 t1 li;\
    1 tx li;3 yg lk;1 yh lk;1 t2 lk;1 ty lk;1 t3 lk;1 tz lk;3 t4 lg;1 u0 lg;1 t4 lk;1 u0 lk;1 ta lk;1 u6 lk;3 yw \
    lk;1 yx lk;1 tp lk;1 ul lk;1 tf lg;1 ub lg;1 tf lk;1 ub lk;1 tf ln;1 ub ln;1 tj lk;1 uf lk;3 tn lk;1 uj lk;89 \
    17r 18z;1 17r 190;1 18o 190;1 17r 191;1 18q 190;4a 1cl 190;2 1c1 190;h 1ci 190;gm 1t4 1to;8 1tc 1to;3 1tf 1to;\
    47 1xj 1xa;1 1xj 1xz;ak 287 28m;3 287 27y;1 287 28n;20 2aa 2c7;1i 2bq 2bi;1 2br 2bi;1 2bq 2c7;3g 2fa 2fq;3c \
    2in 2j9;7 2iu 2j9;1 2iu 2ja;2 2iu 2iq;1 2iy 2j9;3j 2me 2m6;1 2mf 2m6;1 2me 2mv;3y 2qh 2q2;2 2qh 2q7;1 2qk 2q2;\
    1 2qh 2qn;g8 36t 372;25c 5c5 5dh;2 5c7 5dh;2 5c9 5dh;2 5cb 5dh;2 5cd 5dh;4 5ch 5dh;15 5dm 5dh;2 5do 5dh;3 5dq \
    5dh;1 5dr 5dh;2 5du 5dh;jh 1t md;1 2p md;1 1u lj;1 2q lj;1 1u mb;1 2q mb;1 1u mp;1 2q mp;1 5j ld;1 6f ld;1 1w \
    lj;1 2s lj;1 1w mb;1 2s mb;1 1w mp;1 2s mp;1 1w mf;1 2s mf;1 1w ml;1 2s ml;1 7m lc;1 7n lc;1 7m ld;1 7n ld;1 \
    1x ml;1 2t ml;1 1x mo;1 2t mo;1 fc li;1 fd li;1 1y lj;1 2u lj;1 1z lg;1 2v lg;1 20 lj;1 2w lj;1 20 mb;1 2w mb;\
    1 20 lk;1 2w lk;1 20 mf;1 2w mf;1 20 mm;1 2w mm;1 21 mo;1 2x mo;1 5r ld;1 6n ld;1 23 ld;1 2z ld;1 23 mb;1 2z \
    mb;1 23 mp;1 2z mp;1 24 mb;1 30 mb;1 5yu lg;1 5yv lg;1 24 mp;1 30 mp;1 24 ml;1 30 ml;1 25 ld;1 31 ld;1 25 lj;\
    1 31 lj;1 25 mb;1 31 mb;1 26 lj;1 32 lj;1 26 mb;1 32 mb;1 26 mp;1 32 mp;1 26 ml;1 32 ml;1 5x ld;1 6t ld;1 5x \
    lk;1 6t lk;1 98 lc;1 99 lc;1 98 ld;1 99 ld;1 28 ld;1 34 ld;1 28 lj;1 34 lj;1 2a lj;1 36 lj;1 2a mb;1 36 mb;1 \
    5zu lg;1 5zv lg;1 2a mp;1 36 mp;1 2b lj;1 37 lj;1 2b mb;1 37 mb;1 9m lj;1 9n lj;1 9s lj;1 9t lj;1 602 lj;1 603 \
    lj;1 2c lj;1 38 lj;1 2c mb;1 38 mb;1 2c mp;1 38 mp;1 2c ml;1 38 ml;1 2d mc;1 39 mc;1 2d mo;1 39 mo;1 2d ml;1 \
    39 ml;1 a0 ld;1 a1 ld;1 a2 lk;1 a3 lk;1 2e lf;1 3a lf;1 2e mb;1 3a mb;1 2f lc;1 3b lc;1 2f ld;1 3b ld;1 2f lk;\
    1 3b lk;1 2f lj;1 3b lj;1 2f mb;1 3b mb;1 2g lj;1 3c lj;1 2g lk;1 3c lk;1 2h lj;1 3d lj;1 2i le;1 3e le;1 2i \
    mb;1 3e mb;1 2i mp;1 3e mp;1 2w mp;1 38 lk;1 3b lm;1 3d lm;2 an lj;5 1t mb;1 2p mb;1 1t ll;1 2p ll;1 5e ld;1 \
    6a ld;1 5e lc;1 6a lc;1 5e ll;1 6a ll;1 5e lf;1 6a lf;1 61s le;1 61t le;1 76 ld;1 77 ld;1 76 lc;1 77 lc;1 76 \
    ll;1 77 ll;1 76 lf;1 77 lf;1 61s li;1 61t li;1 1x mb;1 2t mb;1 1x ll;1 2t ll;1 1x lf;1 2t lf;1 5m ld;1 6i ld;\
    1 5m lc;1 6i lc;1 5m ll;1 6i ll;1 5m lf;1 6i lf;1 62g le;1 62h le;1 21 ll;1 2x ll;1 21 mb;1 2x mb;1 27 mb;1 \
    33 mb;1 27 ll;1 33 ll;1 5w ld;1 6s ld;1 5w lc;1 6s lc;1 5w ll;1 6s ll;1 5w lf;1 6s lf;1 630 le;1 631 le;1 bk \
    ld;1 bl ld;1 bk lc;1 bl lc;1 bk ll;1 bl ll;1 bk lf;1 bl lf;1 bk mb;1 bl mb;1 2d mb;1 39 mb;1 2d ll;1 39 ll;1 \
    bz ld;1 c0 ld;1 bz lc;1 c0 lc;1 bz ll;1 c0 ll;1 bz lf;1 c0 lf;1 bz mb;1 c0 mb;1 2h lc;1 3d lc;1 2h mb;1 3d mb;\
    1 2h ll;1 3d ll;1 2h lf;1 3d lf;7 q9 lv;1 q9 lw;1 64g lc;1 64h lc;1 64g ld;1 64h ld;1 64g n6;1 64h n6;1 pd lv;\
    1 pd lw;1 64o lc;1 64p lc;1 64o ld;1 64p ld;1 64o n6;1 64p n6;1 qd lv;1 qd lw;1 64w lc;1 64x lc;1 64w ld;1 64x \
    ld;3 ph lv;1 ph lw;1 654 lc;1 655 lc;1 654 ld;1 655 ld;3 qf lv;1 qf lw;1 65c lc;1 65d lc;1 65c ld;1 65d ld;1 \
    65c n6;1 65d n6;1 pj lv;1 pj lw;1 65k lc;1 65l lc;1 65k ld;1 65l ld;1 65k n6;1 65l n6;1 qh lv;1 qh lw;1 65s \
    lc;1 65t lc;1 65s ld;1 65t ld;1 65s n6;1 65t n6;1 pl lv;1 pl lw;1 660 lc;1 661 lc;1 660 ld;1 661 ld;1 660 n6;\
    1 661 n6;1 qn lv;1 qn lw;1 668 lc;1 669 lc;1 668 ld;1 669 ld;3 pr lv;1 pr lw;1 66g lc;1 66h lc;1 66g ld;1 66h \
    ld;3 qt lv;1 qt lw;1 66o lc;1 66p lc;1 66o ld;1 66p ld;1 66o n6;1 66p n6;2 px lw;2 66x lc;2 66x ld;2 66x n6;\
    1 qx lv;1 qx lw;1 674 lc;1 675 lc;1 674 ld;1 675 ld;1 674 n6;1 675 n6;1 q1 lv;1 q1 lw;1 67c lc;1 67d lc;1 67c \
    ld;1 67d ld;1 67c n6;1 67d n6;1 q9 lc;2 qd lc;2 qf lc;2 qh lc;2 qn lc;2 qt lc;2 qx lc;4 64g n9;1 64h n9;1 64i \
    n9;1 64j n9;1 64k n9;1 64l n9;1 64m n9;1 64n n9;1 64o n9;1 64p n9;1 64q n9;1 64r n9;1 64s n9;1 64t n9;1 64u \
    n9;1 64v n9;1 65c n9;1 65d n9;1 65e n9;1 65f n9;1 65g n9;1 65h n9;1 65i n9;1 65j n9;1 65k n9;1 65l n9;1 65m \
    n9;1 65n n9;1 65o n9;1 65p n9;1 65q n9;1 65r n9;1 674 n9;1 675 n9;1 676 n9;1 677 n9;1 678 n9;1 679 n9;1 67a \
    n9;1 67b n9;1 67c n9;1 67d n9;1 67e n9;1 67f n9;1 67g n9;1 67h n9;1 67i n9;1 67j n9;1 q9 li;1 q9 lg;1 67k n9;\
    1 q9 n9;1 q4 n9;2 q9 n6;1 69i n9;1 pd li;1 pd lg;1 pd lc;2 pd n9;5 4o n6;1 67o n9;1 qf n9;1 q6 n9;2 qf n6;1 \
    69y n9;1 ph lc;2 pj lc;2 pj n9;1 69r lc;1 69r ld;1 69r n6;1 qh li;1 qh lg;1 qy lc;4 qh n6;1 qy n6;1 pl li;1 \
    pl lg;1 pl lc;3 6bi lc;1 6bi ld;1 6bi n6;1 qt li;1 qt lg;1 qz lc;2 qp lv;1 qp lw;1 qt n6;1 qz n6;1 px li;1 px \
    lg;1 px lc;2 pt lw;1 4o lc;5 67w n9;1 qx n9;1 r2 n9;2 qx n6;1 6ba n9;1 pr lc;2 q1 lc;2 q1 n9;bi 6mo mw;1 6mq \
    mw;j 6ms mw;v 6og mw;1 6ok mw;1 6oi mw;1h 6pv mw;5 6q0 mw;3 6q3 mw;o 6qr mw;2 6qt mw;r 6rg mw;3 6rn mw;3 6rp \
    mw;2 6rs mw;n 1p mw;2 6sh mw;b 6rx mw;1 1o mw;1 1q mw;1 6sk mw;1 6sl mw;3 6sy mw;1 6sz mw;3 6t2 mw;1 6t3 mw;\
    7 6t6 mw;1 6t7 mw;3 6te mw;1 6tf mw;3 6ti mw;1 6tj mw;z 6ua mw;1 6ug mw;1 6uh mw;1 6uj mw;1d 6t8 mw;1 6t9 mw;\
    1 6tt mw;1 6tu mw;7 6uq mw;1 6ur mw;1 6us mw;1 6ut mw;2n3 9jf 9ll;2 9jh 9ll;2 9jj 9ll;2 9jl 9ll;2 9jn 9ll;2 \
    9jp 9ll;2 9jr 9ll;2 9jt 9ll;2 9jv 9ll;2 9jx 9ll;2 9jz 9ll;2 9k1 9ll;3 9k4 9ll;2 9k6 9ll;2 9k8 9ll;7 9kf 9ll;\
    1 9kf 9lm;2 9ki 9ll;1 9ki 9lm;2 9kl 9ll;1 9kl 9lm;2 9ko 9ll;1 9ko 9lm;2 9kr 9ll;1 9kr 9lm;n 9ja 9ll;a 9lp 9ll;\
    e 9m3 9ll;2 9m5 9ll;2 9m7 9ll;2 9m9 9ll;2 9mb 9ll;2 9md 9ll;2 9mf 9ll;2 9mh 9ll;2 9mj 9ll;2 9ml 9ll;2 9mn 9ll;\
    2 9mp 9ll;3 9ms 9ll;2 9mu 9ll;2 9mw 9ll;7 9n3 9ll;1 9n3 9lm;2 9n6 9ll;1 9n6 9lm;2 9n9 9ll;1 9n9 9lm;2 9nc 9ll;\
    1 9nc 9lm;2 9nf 9ll;1 9nf 9lm;n 9ly 9ll;3 9nz 9ll;1 9o0 9ll;1 9o1 9ll;1 9o2 9ll;4 9od 9ll;1864 1huh 1hve;2 1huj \
    1hve;f 1hut 1hve;3n 1hyp 1hyf;1 1hyq 1hyf;f0 1idj 1ida;1 1idj 1idz;a7 1int 1inu;1 1int 1ink;2 1int 1inx;70 1iuw \
    1iun;1 1iux 1iun
    """
}
