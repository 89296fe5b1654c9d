"""Common English words, which characterise no writer: articles, pronouns, auxiliaries and similar words."""

_WORDS = (
    "a about above across after again against all almost along already also although always am among an and another "
    "any anyone anything are around as at away back be became because been before behind being below between both but "
    "by came can cannot come could did do does doing done down during each either else enough even ever every "
    "everyone everything few first for from further get gets getting give go goes going gone got had has have having "
    "he her here hers herself him himself his how however i i'd i'll i'm i've if in indeed instead into is it it's "
    "its itself just keep last least less let like ll made make makes many may maybe me might mine more most much "
    "must my myself neither never next no nobody none nor not nothing now of off often on once one only onto or other "
    "others our ours ourselves out over own part per perhaps put quite rather re really s same say see seem seems "
    "several shall she should since so some someone something sometimes somewhere still such t take than that that's "
    "the their theirs them themselves then there these they thing things this those though three through thus to "
    "together too toward towards two under until up upon us ve very was we well went were what whatever when where "
    "whether which while who whoever whole whom whose why will with within without would yes yet you you're your "
    "yours yourself yourselves "
)
STOP_WORDS = frozenset(_WORDS.split())
