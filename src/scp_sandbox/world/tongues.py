"""The languages the world's people write in: words only, no logic."""

# ruff: noqa: RUF001 - letters of other scripts are what this file is about

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """One language: what mail in it is made of.

    `charsets` are legacy charsets that can spell every string here, besides UTF-8.
    """

    code: str
    subjects: tuple[str, ...]
    sentences: tuple[str, ...]
    greeting: str
    closing: str
    charsets: tuple[str, ...] = ()
    rtl: bool = False


ENGLISH = Tongue(
    code="en",
    subjects=(
        "Harbour survey: draft {n}",
        "Agenda for {day}",
        "Question about the {thing}",
        "Minutes of the {project} meeting",
        "{project}: next steps",
        "Lunch on {day}?",
        "Photos from {place}",
        "The {thing} for {project}",
        "Handover before {day}",
        "Re-planning {project}",
        "Access to the {thing}",
        "Trip to {place}",
        "Feedback on version {n}",
        "Budget for {project}, round {n}",
    ),
    sentences=(
        "I went through the {thing} again and left {n} remarks in the margin.",
        "Could you have a look at the {thing} before {day}?",
        "We agreed to move {project} by one week, to {day}.",
        "The team in {place} asked for the figures by {day}.",
        "I don't think the {thing} is ready; there are {n} points still open.",
        "Thanks for the quick answer, that helps a lot.",
        "The new {thing} arrived this morning & it works.",
        "Let us talk on {day}, I am free from {n} o'clock on.",
        "{project} has {n} people on it now, which should be enough.",
        "If nobody objects, I shall send it to {place} on {day}.",
        "Nothing urgent, just so that you know.",
        "The cost is about {n} % above the plan, mostly because of the {thing}.",
        "I attach what I have; the rest follows on {day}.",
        "Do you still have the {thing} from {place}?",
        "Please don't forward this yet.",
        "We counted {n} of them, two more than last time.",
    ),
    greeting="Hi {name},",
    closing="Best,\n{me}",
)

GERMAN = Tongue(
    code="de",
    subjects=("Rückfrage zur Prüfung", "Grüße aus Köln", "Terminänderung für nächste Woche"),
    sentences=(
        "Vielen Dank für die schnelle Rückmeldung.",
        "Die Maße der Tür müssen wir noch einmal prüfen.",
        "Können wir uns am Donnerstag über die Pläne austauschen?",
        "Ich schicke die Übersicht später, sie ist noch nicht vollständig.",
        "Für die Größe des Raums fehlen uns zwei Stühle.",
    ),
    greeting="Hallo {name},",
    closing="Viele Grüße\n{me}",
    charsets=("iso-8859-1", "windows-1252"),
)

FRENCH = Tongue(
    code="fr",
    subjects=("Réunion déplacée à février", "Où est passé le café ?", "Reçu de l’été dernier"),
    sentences=(
        "Je vous remercie pour votre réponse très précise.",
        "Le problème vient peut-être de l’ancien modèle…",
        "Nous avons dépensé 240 € de plus que prévu.",
        "Pourriez-vous m’envoyer les pièces avant mardi ?",
        "À bientôt, et bonne fin de journée.",
    ),
    greeting="Bonjour {name},",
    closing="Cordialement\n{me}",
    charsets=("windows-1252",),
)

JAPANESE = Tongue(
    code="ja",
    subjects=("来週の打ち合わせについて", "見積書をお送りします", "写真を共有します"),
    sentences=(
        "お世話になっております。",
        "添付の資料をご確認いただけますでしょうか。",
        "来週の水曜日の午後はいかがでしょうか。",
        "データに誤りがありましたので、修正版をお送りします。",
        "引き続きよろしくお願いいたします。",
    ),
    greeting="{name} 様",
    closing="よろしくお願いいたします。\n{me}",
    charsets=("iso-2022-jp", "shift_jis"),
)

CHINESE = Tongue(
    code="zh",
    subjects=("关于下周的会议", "合同草稿第二版", "请查收附件"),
    sentences=(
        "您好，附件是最新的报告，请查收。",
        "会议改到星期四下午三点。",
        "我们还需要两份签字的文件。",
        "如有问题请随时联系我。",
        "谢谢您的帮助。",
    ),
    greeting="{name}，您好：",
    closing="此致\n{me}",
    charsets=("gb2312",),
)

RUSSIAN = Tongue(
    code="ru",
    subjects=("Вопрос по отчёту", "Встреча переносится", "Фотографии с дачи"),
    sentences=(
        "Спасибо за быстрый ответ, всё получилось.",
        "Пришлите, пожалуйста, исправленный вариант до пятницы.",
        "Мы посчитали ещё раз, сумма не сходится.",
        "Завтра меня не будет в городе, пишите на почту.",
        "Чертежи лежат в общей папке.",
    ),
    greeting="Здравствуйте, {name}!",
    closing="С уважением,\n{me}",
    charsets=("koi8-r", "windows-1251"),
)

ARABIC = Tongue(
    code="ar",
    subjects=("موعد الاجتماع القادم", "الفاتورة رقم 12", "صور من الرحلة"),
    sentences=(
        "شكرًا جزيلًا على ردك السريع.",
        "هل يمكننا تأجيل الاجتماع إلى يوم الخميس؟",
        "أرفقت لك النسخة الأخيرة من التقرير.",
        "المبلغ المطلوب هو 250 دينارًا.",
        "أراك قريبًا إن شاء الله.",
    ),
    greeting="مرحبًا {name}،",
    closing="مع أطيب التحيات\n{me}",
    charsets=("windows-1256",),
    rtl=True,
)

HEBREW = Tongue(
    code="he",
    subjects=("פגישה ביום שלישי", "הצעת מחיר מעודכנת", "תמונות מהטיול"),
    sentences=(
        "תודה רבה על התשובה המהירה.",
        "אפשר לדחות את הפגישה לשבוע הבא?",
        "צירפתי את הגרסה האחרונה של המסמך.",
        "נשארו עוד 3 סעיפים פתוחים.",
        "נתראה ביום חמישי בשעה 10:30.",
    ),
    greeting="שלום {name},",
    closing="בברכה,\n{me}",
    charsets=("windows-1255",),
    rtl=True,
)

EMOJI = Tongue(
    code="en-emoji",
    subjects=("🎉 We did it!", "Party on Saturday 🥳🎂", "👩‍🚀 launch day"),
    sentences=(
        "So happy for you 🎉🎉",
        "See the photos 📸 from the lake 🏞️, they are wonderful.",
        "Who brings the cake? 🍰 I bring music 🎸",
        "Thumbs up from the family 👨‍👩‍👧‍👦👍🏽",
        "The flags: 🇯🇵 🇧🇷 🇿🇦",
    ),
    greeting="Hey {name} 👋",
    closing="xx {me} 💜",
)

FOREIGN = (GERMAN, FRENCH, JAPANESE, CHINESE, RUSSIAN, ARABIC, HEBREW, EMOJI)
BY_CODE = {tongue.code: tongue for tongue in (ENGLISH, *FOREIGN)}

PROJECTS = ("Lighthouse", "Tidewater", "North Pier", "Larch", "Quarry Lane", "Meridian")
PLACES = ("Osterby", "Calder Bay", "Vinmarsh", "Port Elden", "Sillside", "Hollowmere")
THINGS = ("budget", "floor plan", "contract", "slide deck", "data sheet", "schedule", "test rig")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "the 14th", "next week")
