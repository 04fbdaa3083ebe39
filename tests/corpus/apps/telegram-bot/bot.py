import os

from telegram.ext import Application, CommandHandler


async def start(update, context):
    await update.message.reply_text("hello")


application = Application.builder().token(os.environ["TOKEN"]).build()
application.add_handler(CommandHandler("start", start))
application.run_polling()
